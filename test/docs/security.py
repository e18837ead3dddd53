#!/usr/bin/python3
"""Holds docs/security.md against the tests and against h2core/config.h.

    security.py               says how many rows and numbers the page has
    security.py --check       names all that is wrong, and ends with `N passed, N failed`

The last cell of each row of its attacks and honest peers names tests in backticks, each by its whole name without tags.
Each test of attacks_*_test.cpp and honest_peers_test.cpp stands in a row. Each number of Config has a row, with the
default that it has there.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "conformance"))
from behaviours import check, test_names  # noqa: E402
from conformance import CPP_NAME, NAME_WITH_TAGS  # noqa: E402

PAGE = ROOT / "docs" / "security.md"
REPLAYS = ["attacks_*_test.cpp", "honest_peers_test.cpp"]


def tables():
    """{heading: [(line number, cells)]} of the rows below each table's head."""
    found, heading, is_row = {}, "", False
    for number, line in enumerate(PAGE.read_text().splitlines(), 1):
        if line.startswith("## "):
            heading = line[3:]
        if not line.startswith("|"):
            is_row = False
        elif set(line) <= set("|- "):
            is_row = True
        elif is_row:
            found.setdefault(heading, []).append((number, [cell.strip() for cell in line.strip("|").split("|")]))
    return found


def replays():
    """The names of all tests that replay something."""
    for pattern in REPLAYS:
        for path in sorted((ROOT / "test" / "h2core").glob(pattern)):
            for name in CPP_NAME.findall(path.read_text()):
                yield NAME_WITH_TAGS.fullmatch("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', name)))[1]


def number(text):
    """4096, 1 << 20, std::chrono::seconds(10): as digits, and the unit of a duration."""
    seconds = re.fullmatch(r"std::chrono::seconds\((\d+)\)", text)
    if seconds:
        return f"{seconds[1]} s"
    left, _, right = text.partition("<<")
    return f"{int(left) << int(right or 0):,}"


def defaults():
    """{name: default} of all numbers of Config, and of the Settings in it."""
    field = re.compile(r"^  (?:std::uint\d+_t|Duration) (\w+)(?: = |\{)([^;}]+)\}?;", re.MULTILINE)
    settings = dict(field.findall((ROOT / "h2core" / "settings.h").read_text()))
    config = (ROOT / "h2core" / "config.h").read_text()
    settings.update(re.findall(r"\.(\w+) = (\d+)", config))
    named = {f"settings.{name}": value for name, value in settings.items()}
    return {name: number(value) for name, value in {**named, **dict(field.findall(config))}.items()}


def check_replays(rows):
    known, named = set(test_names()), set()
    for line, cells in rows:
        named.update(re.findall(r"`([^`]+)`", cells[-1]))
        for wrong in check(cells[-1], known):
            yield line, f"{cells[0]}: {wrong}"
        if cells[-1].startswith("*"):
            yield line, f"{cells[0]}: no test"
    for name in replays():
        if name not in named:
            yield 1, f"no row names this test: {name}"


def check_numbers(rows):
    expected = defaults()
    given = {cells[0].strip("`"): (line, cells[1]) for line, cells in rows}
    for name, value in expected.items():
        line, said = given.pop(name, (1, "nothing"))
        if said != value:
            yield line, f"{name}: {value} in config.h, {said} here"
    for name, (line, _) in given.items():
        yield line, f"{name}: no number of Config"


def main():
    found = tables()
    rows = found.get("Known attacks", []) + found.get("Honest peers at their worst", [])
    numbers = found.get("Numbers", [])
    wrong = [*check_replays(rows), *check_numbers(numbers)]
    for line, text in wrong:
        print(f"docs/security.md:{line}: {text}")
    print(f"{len(rows)} rows, {len(numbers)} numbers")
    if sys.argv[1:] == ["--check"]:
        print(f"{len(rows) + len(numbers) - len({line for line, _ in wrong})} passed, {len(wrong)} failed")
    return int(bool(wrong) or not rows or not numbers)


if __name__ == "__main__":
    sys.exit(main())
