#!/usr/bin/python3
"""Shows that conformance.py finds each kind of fault: a small project in order, and then with one fault at a time."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

SCRIPT = pathlib.Path(__file__).with_name("conformance.py")

RULES = """# RFC 9999, Example
== 1.1 Frames (4)
1.1a MUST both x2
  A frame has a length.
1.1b SHOULD NOT client
  It does not lie.
1.1c MUST server
  It is stored.
  not ours (the caller): it has the disk
"""
TESTS = """TEST_CASE("a frame has a length [9999-1.1a]") {}
TEST_CASE(
    "a frame \\"does not lie\\", at length "
    "[9999-1.1b] [9999-1.1a]") {}
"""
TEXT = """  • 1.   Example
      □ 1.1.   Frames

1. Example

1.1. Frames

It MUST be. It
MUST be. It SHOULD
NOT lie. It MUST be.
"""
RULES_FILE = "p/test/conformance/rfc9999.rules"
TEST_FILE = "p/test/room/a_test.cpp"
TEXT_FILE = "shared/rfc/rfc9999.txt"
PAGE_FILE = "p/docs/conformance.md"

# what it is, the file, what stands there, what stands there instead, and what must be said
FAULTS = [
    ("no fault: one test of two is enough",
     TEST_FILE, " [9999-1.1a]", "", None),
    ("a row that lost its only test",
     TEST_FILE, "[9999-1.1b] ", "", "9999-1.1b has neither a test nor a reason"),
    ("a reason beside a test",
     TEST_FILE, "[9999-1.1b]", "[9999-1.1b] [9999-1.1c]", "9999-1.1c has a reason and a test"),
    ("a tag without a row",
     TEST_FILE, "[9999-1.1b]", "[9999-1.1b] [9999-1.1d]", "[9999-1.1d] names no row"),
    ("a tag within a name",
     TEST_FILE, "a frame has", "a [9999-1.1a] frame has", "tags stand at the end"),
    ("a tag in a comment",
     TEST_FILE, "{}", "{}  // [9999-1.1b]", "[9999-1.1b] stands outside"),
    ("a row that was dropped",
     RULES_FILE, "1.1b SHOULD NOT client\n  It does not lie.\n", "", "9999-1.1b should"),
    ("the last row dropped",
     RULES_FILE, RULES[RULES.index("1.1c"):], "", "counts 4, its rows 3"),
    ("a section that was dropped",
     RULES_FILE, RULES[RULES.index("=="):], "== 1 Example (0)\n", "4 keywords and no heading"),
    ("a wrong count",
     RULES_FILE, "(4)", "(5)", "the heading says 5"),
    ("a keyword more in the text",
     TEXT_FILE, "NOT lie", "NOT lie and SHALL\nNOT be", "has 5 keywords, the heading says 4"),
    ("whom nobody knows",
     RULES_FILE, "MUST server", "MUST waiter", "waiter is none of"),
    ("a reason without one who must",
     RULES_FILE, "not ours (the caller)", "not ours", "a reason is"),
    ("a row without a rule",
     RULES_FILE, "  It does not lie.\n", "", "9999-1.1b says no rule"),
    ("a line that is nothing",
     RULES_FILE, "1.1b SHOULD NOT", "1.1b OUGHT", "neither a section, a row nor indented"),
    ("a page that was edited",
     PAGE_FILE, "It does not lie.", "It may lie.", "docs/conformance.md is not what"),
]

def project(folder):
    for name, text in ((RULES_FILE, RULES), (TEST_FILE, TESTS), (TEXT_FILE, TEXT), (PAGE_FILE, "")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    shutil.copy(SCRIPT, folder / "p/test/conformance")


def run(folder, *arguments):
    done = subprocess.run([sys.executable, "p/test/conformance/conformance.py", *arguments], cwd=folder,
                          stdout=subprocess.PIPE, text=True)
    return done.returncode, done.stdout


def judge(file, old, new, expected):
    """Nothing, or what is wrong with how the check answers this fault."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        project(folder)
        run(folder)
        status, said = run(folder, "--check")
        if status != 0:
            return f"the project was not in order: {said}"
        text = (folder / file).read_text()
        if old not in text:
            return f"nothing to change in {file}"
        (folder / file).write_text(text.replace(old, new, 1))
        if file != PAGE_FILE:
            run(folder)  # the page is written anew, so that it is not what fails
        status, said = run(folder, "--check")
        if expected is None:
            return "" if status == 0 else f"one of two tests went, and this was said: {said}"
        return "" if status != 0 and expected in said else f"said: {said}"


def main():
    failed = 0
    for what, *fault in FAULTS:
        wrong = judge(*fault)
        failed += bool(wrong)
        if wrong:
            print(f"FAIL {what}: {wrong}")
    print(f"{len(FAULTS) - failed} passed, {failed} failed")
    return int(failed != 0)


sys.exit(main())
