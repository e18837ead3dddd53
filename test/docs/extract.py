#!/usr/bin/python3
"""Makes programs of the code blocks in README.md and docs/*.md whose fence says ```cpp run.

    extract.py --pages                the pages there are
    extract.py --names PAGE           a name for each block of the page
    extract.py --block NAME PAGE      the program of that block

A block without a main() is the body of one, below its own #include lines.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```cpp run\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pages():
    return [page.relative_to(ROOT).as_posix() for page in [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
            if page.exists()]


def blocks(page):
    """The blocks by name, each with the line it starts on."""
    text = (ROOT / page).read_text()
    stem = "doc-" + page.removesuffix(".md").replace("/", "-").lower()
    return {f"{stem}-{number}": (match.group(1), text.count("\n", 0, match.start(1)) + 1)
            for number, match in enumerate(BLOCK.finditer(text), 1)}


def program(code, page, line):
    here = f'#line {{}} "{page}"\n'
    if re.search(r"\bint main\(", code):
        return here.format(line) + code
    lines = code.splitlines(keepends=True)
    head = max((n for n, text in enumerate(lines, 1) if text.startswith("#include")), default=0)
    return (here.format(line) + "".join(lines[:head]) + "\nint main() {\n" + here.format(line + head)
            + "".join(lines[head:]) + "}\n")


match sys.argv[1:]:
    case ["--pages"]:
        print("\n".join(pages()))
    case ["--names", page]:
        print("\n".join(blocks(page)))
    case ["--block", name, page]:
        code, line = blocks(page)[name]
        sys.stdout.write(program(code, page, line))
    case _:
        sys.exit(__doc__)
