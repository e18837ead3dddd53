#!/usr/bin/python3
"""Holds the rules of the RFCs against the tests, and writes docs/conformance.md of them.

    conformance.py            writes the page
    conformance.py --check    names all that is wrong, and ends with `N passed, N failed`

Rules stand in rfcNNNN.rules beside this script: `== 5.1.1 Stream Identifiers (6)` opens a section and counts its
keywords; `5.1.1b MUST both` is a row, with `x2` behind it if the row covers two of them; indented lines say the rule;
one that begins with `not ours (WHO): ` or `not kept: ` says why no test proves it. A test names the rows that it
proves at the end of its own name: `[9113-5.1.1b]`. A file without counts is a selection, and says so.

Where the texts of the RFCs are (--rfc DIR, else ../shared/rfc beside the project), the counts are held against them.
"""
import argparse
import collections
import dataclasses
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "conformance.md"

# Whom a rule binds. A client and a server are what one Connection is; the others stand around it.
WHO = {
    "client": "an endpoint that opened the connection",
    "server": "an endpoint that accepted it",
    "both": "either endpoint",
    "intermediary": "a proxy or gateway made of two connections",
    "extension": "whoever defines an extension of HTTP/2",
}
KEYWORD = re.compile(r"\b(?:(?:MUST|SHALL|SHOULD)(?:\s+NOT)?|REQUIRED)\b")
SECTION = re.compile(r"== (\S+) (.*?)(?: \((\d+)\))?")
ROW = re.compile(r"(\S*?)([a-z]+) ((?:MUST|SHALL|SHOULD)(?: NOT)?|REQUIRED) ([a-z]+)(?: x(\d+))?")
REASON = re.compile(r"not ours \([^)]+\): .+|not kept: .+")
TAG = re.compile(r"\[(\d{4}-[0-9A-Z.]+[a-z]+)\]")
CPP_NAME = re.compile(r'TEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)')
PYTHON_NAME = re.compile(r'^@test\b.*\n(?:@.*\n)*def (\w+)\(.*\n(?:\s+"""(.*?)""")?', re.MULTILINE)
NAME_WITH_TAGS = re.compile(r"(.*?)\s*((?:\s*\[\d{4}-[^\]]*\])*)", re.DOTALL)


@dataclasses.dataclass
class Row:
    tag: str
    section: str
    letters: str
    level: str
    who: str
    occurrences: int
    where: str
    rule: str = ""
    reason: str = ""
    tests: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Section:
    number: str
    title: str
    count: int | None
    where: str
    rows: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Rfc:
    number: str
    title: str
    sections: list = dataclasses.field(default_factory=list)

    def rows(self):
        return [row for section in self.sections for row in section.rows]

    def is_selection(self):
        return all(section.count is None for section in self.sections)


# ---- the rules

def read_rules(path, wrong):
    lines = path.read_text().splitlines()
    rfc = Rfc(path.stem.removeprefix("rfc"), title_of(lines))
    row = None
    for number, line in enumerate(lines, 1):
        where = f"{path.name}:{number}"
        if line.startswith("#") or not line.strip():
            continue
        if line.startswith(" "):
            if row is None:
                wrong.append(f"{where}: text before the first row")
            else:
                add_text(row, line.strip(), where, wrong)
        elif match := SECTION.fullmatch(line):
            title, count = match[2], match[3]
            rfc.sections.append(Section(match[1], title, int(count) if count else None, where))
            row = None
        elif (match := ROW.fullmatch(line)) and rfc.sections:
            tag = f"{rfc.number}-{match[1]}{match[2]}"
            row = Row(tag, match[1], match[2], match[3], match[4], int(match[5] or 1), where)
            rfc.sections[-1].rows.append(row)
        else:
            wrong.append(f"{where}: neither a section, a row nor indented: {line}")
    return rfc


# The first comment line: `# RFC 9113, HTTP/2: what follows is no matter`.
def title_of(lines):
    match = re.match(r"#\s*RFC \d+[,:]\s*([^:.]*)", lines[0]) if lines else None
    return match[1].strip() if match else ""


def add_text(row, text, where, wrong):
    if row.reason:
        row.reason += " " + text
    elif re.match(r"not (ours|kept)\b", text):
        row.reason = text
        if not REASON.fullmatch(text):
            wrong.append(f"{where}: a reason is `not ours (WHO): why` or `not kept: why`")
    else:
        row.rule = f"{row.rule} {text}".strip()


def letters_of(index):
    """a to z, then aa, ab and so on."""
    first, second = divmod(index, 26)
    return (chr(ord("a") + first - 1) if first else "") + chr(ord("a") + second)


def check_rules(rfc, wrong):
    for section in rfc.sections:
        for index, row in enumerate(section.rows):
            if row.section != section.number or row.letters != letters_of(index):
                expected = f"{rfc.number}-{section.number}{letters_of(index)}"
                wrong.append(f"{row.where}: {row.tag} stands where {expected} should")
            if row.who not in WHO:
                wrong.append(f"{row.where}: {row.who} is none of {', '.join(WHO)}")
            if not row.rule:
                wrong.append(f"{row.where}: {row.tag} says no rule")
            if not row.tests and not row.reason:
                wrong.append(f"{row.where}: {row.tag} has neither a test nor a reason")
            if row.tests and row.reason:
                wrong.append(f"{row.where}: {row.tag} has a reason and a test as well: {row.tests[0][0]}")
        found = sum(row.occurrences for row in section.rows)
        if section.count is None and not rfc.is_selection():
            wrong.append(f"{section.where}: section {section.number} has no count")
        if section.count is not None and section.count != found:
            wrong.append(f"{section.where}: section {section.number} counts {section.count}, its rows {found}")


# ---- the texts

def keyword_counts(text):
    """How often each section of the RFC uses a keyword. Its own table of contents says what a section is."""
    contents = re.findall(r"^\s*[•□☆]\s+(?:Appendix\s+)?([0-9A-Z][0-9.]*)\.\s+(.+)$", text, re.MULTILINE)
    starts = []
    for number, title in contents:
        start = re.compile(rf"^(?:Appendix )?{re.escape(number)}\. +{re.escape(title[:20])}", re.MULTILINE).search(text)
        if start:
            starts.append((start.start(), number))
    counts = collections.Counter()
    for keyword in KEYWORD.finditer(text):
        before = [number for start, number in starts if start < keyword.start()]
        if before:
            counts[before[-1]] += 1
    return counts


def check_text(rfc, folder, wrong):
    path = folder / f"rfc{rfc.number}.txt"
    if rfc.is_selection() or not path.exists():
        print(f"RFC {rfc.number}: its counts are not held against its text, "
              + ("for this is a selection" if rfc.is_selection() else f"which is not in {folder}"))
        return
    counts = keyword_counts(path.read_text())
    listed = {section.number: section for section in rfc.sections}
    for number, count in counts.items():
        if number not in listed:
            wrong.append(f"rfc{rfc.number}.rules: section {number} has {count} keywords and no heading")
    for number, section in listed.items():
        if section.count != counts[number]:
            says = f"has {counts[number]} keywords, the heading says {section.count}"
            wrong.append(f"{section.where}: section {number} {says}")


# ---- the tests

def read_tests():
    """(name, file) of each test. One of Python has its tags at the end of its docstring."""
    for path in sorted((ROOT / "test").glob("*/*_test.cpp")):
        for match in CPP_NAME.finditer(path.read_text()):
            yield "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', match[1])).replace('\\"', '"'), path
    for path in sorted((ROOT / "test").glob("*/*_test.py")):
        for match in PYTHON_NAME.finditer(path.read_text()):
            tags = NAME_WITH_TAGS.fullmatch((match[2] or "").strip())[2]
            yield f"{match[1].replace('_', ' ')} {tags}", path


def tie_tests(rows, wrong):
    tied = 0
    for whole, path in read_tests():
        name, tags = NAME_WITH_TAGS.fullmatch(whole.strip()).groups()
        file = path.relative_to(ROOT)
        if TAG.search(name):
            wrong.append(f"{file}: tags stand at the end of the name: {whole}")
        for tag in TAG.findall(tags):
            if tag in rows:
                rows[tag].tests.append((name, file))
                tied += 1
            else:
                wrong.append(f"{file}: [{tag}] names no row: {name}")
    check_strays(wrong)
    return tied


def check_strays(wrong):
    """A tag in a comment, or in a name that is not read, would prove nothing and nobody would see it."""
    in_names = collections.Counter((path, tag) for name, path in read_tests() for tag in TAG.findall(name))
    for path in sorted((ROOT / "test").glob("*/*_test.*")):
        for tag, count in collections.Counter(TAG.findall(re.sub(r'"\s*"', "", path.read_text()))).items():
            if count != in_names[path, tag]:
                wrong.append(f"{path.relative_to(ROOT)}: [{tag}] stands outside of a test's name")


# ---- the page

HEAD = """# Conformance

<!-- Written by test/conformance/conformance.py of the files beside it. Change those, not this page. -->

Every sentence of these RFCs that says MUST, MUST NOT, SHOULD, SHOULD NOT, SHALL or REQUIRED is a row here: the section,
whom it binds, the rule in our words, and the tests that prove it. A row without a test says why. *Not ours* is what
an engine without sockets, caches, certificates to judge or content to understand cannot keep, with the one who
must. *Not kept* is what we had a reason to leave.

The rows are in `test/conformance/*.rules`. A test names the rows that it proves at the end of its own name,
as in `[9113-5.1.1b]`. `test/conformance/conformance.py` writes this page; with `--check`, as the tests run it, it fails
for a row without test or reason, a test that names no row, a row that was dropped (the keywords of each section are
counted, in the RFC's text too where it is at hand), and when this page is not what it would write.

| binds | |
|---|---|
"""


def cell(text):
    return text.replace("|", "\\|").replace("<", "&lt;")


def proof(row):
    if row.reason:
        kind, colon, why = row.reason.partition(": ")
        return f"*{kind}*{colon}{cell(why)}"
    return "<br>".join(f"{cell(name)} ([{file.name}](../{file.as_posix()}))" for name, file in row.tests)


def table_row(row):
    times = f" ×{row.occurrences}" if row.occurrences > 1 else ""
    return f"| {row.section}{row.letters} {row.level}{times} | {row.who} | {cell(row.rule)} | {proof(row)} |"


def page(rfcs):
    lines = [HEAD.rstrip("\n")]
    lines += [f"| {who} | {meaning} |" for who, meaning in WHO.items()]
    lines += ["", "| | rows | proven by tests | not ours | not kept |", "|---|---|---|---|---|"]
    for rfc in rfcs:
        rows = rfc.rows()
        proven = sum(bool(row.tests) for row in rows)
        ours = sum(row.reason.startswith("not ours") for row in rows)
        kept = sum(row.reason.startswith("not kept") for row in rows)
        name = f"[RFC {rfc.number}](#rfc-{rfc.number}) {rfc.title}"
        lines.append(f"| {name} | {len(rows)} | {proven} | {ours} | {kept} |")
    for rfc in rfcs:
        lines += ["", f"## RFC {rfc.number}"]
        if rfc.is_selection():
            lines += ["", "A selection: the sections that bind an engine."]
        for section in rfc.sections:
            lines += ["", f"### {section.number} {section.title}", ""]
            lines += ["| row | binds | rule | proof |", "|---|---|---|---|"]
            lines += [table_row(row) for row in section.rows]
    return "\n".join(lines) + "\n"


def check_rfc(rfc, texts, wrong):
    check_rules(rfc, wrong)
    check_text(rfc, texts, wrong)


def check_page(rfcs, wrong):
    if not PAGE.exists() or PAGE.read_text() != page(rfcs):
        wrong.append("docs/conformance.md is not what the rules and tests say: run test/conformance/conformance.py")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--rfc", type=pathlib.Path, default=ROOT.parent / "shared" / "rfc", metavar="DIR")
    given = parser.parse_args()
    folder = pathlib.Path(__file__).parent
    first = ["rfc9113", "rfc7541"]
    others = sorted(path.stem for path in folder.glob("rfc*.rules") if path.stem not in first)
    paths = [path for stem in first + others if (path := folder / f"{stem}.rules").exists()]
    wrong = []
    rfcs = [read_rules(path, wrong) for path in paths]
    rows = {row.tag: row for rfc in rfcs for row in rfc.rows()}
    tied = tie_tests(rows, wrong)
    if not given.check:
        PAGE.write_text(page(rfcs))
        print(f"{PAGE.relative_to(ROOT)}: {len(rows)} rows of {len(rfcs)} RFCs, {tied} tags")
        return 0

    passed = 0 if wrong else 1
    for check in [lambda rfc=rfc: check_rfc(rfc, given.rfc, wrong) for rfc in rfcs] + [lambda: check_page(rfcs, wrong)]:
        before = len(wrong)
        check()
        passed += len(wrong) == before
    for each in wrong:
        print("wrong:", each)
    print(f"{len(rows)} rows, {tied} tags")
    print(f"{passed} passed, {len(wrong)} failed")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
