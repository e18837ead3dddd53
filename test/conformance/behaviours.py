#!/usr/bin/python3
"""Holds docs/behaviours.md against the tests.

    behaviours.py             says how many behaviours and tests the page names
    behaviours.py --check     names all that is wrong, and ends with `N passed, N failed`

The last cell of each row of its tables names tests in backticks, each by its whole name without tags; a single word is
a row of h2core/violations.inc. A row without a test says why, in italics.
"""
import re
import sys

from conformance import NAME_WITH_TAGS, ROOT, read_tests

PAGE = ROOT / "docs" / "behaviours.md"


def test_names():
    return (NAME_WITH_TAGS.fullmatch(whole.strip())[1] for whole, _ in read_tests())


def violations():
    return re.findall(r"^H2_VIOLATION\((\w+),", (ROOT / "h2core" / "violations.inc").read_text(), re.MULTILINE)


def behaviours():
    """(line number, behaviour, proof) of each row below a table's head."""
    for number, line in enumerate(PAGE.read_text().splitlines(), 1):
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if cells and cells[0] != "behaviour" and set(cells[0]) != {"-"}:
            yield number, cells[0], cells[-1] if len(cells) == 2 else ""


def check(proof, known):
    """What is wrong with the last cell of a row."""
    if re.fullmatch(r"\*[^*]+\*", proof):
        return []
    names = re.findall(r"`([^`]+)`", proof)
    if not names or re.sub(r"`[^`]+`", "", proof).strip():
        return ["neither names of tests in backticks nor a reason in italics"]
    return [f"no such test: {name}" for name in names if name not in known]


def main():
    known = {*test_names(), *violations()}
    rows = list(behaviours())
    wrong = [(number, text, each) for number, text, proof in rows for each in check(proof, known)]
    if not rows:
        wrong.append((1, "", "no tables"))
    for number, text, each in wrong:
        print(f"docs/behaviours.md:{number}: {text}: {each}")
    print(f"{len(rows)} behaviours")
    if sys.argv[1:] == ["--check"]:
        print(f"{len(rows) - len({number for number, *_ in wrong})} passed, {len(wrong)} failed")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
