#!/usr/bin/python3
"""What a change costs, in instructions first: they are the same on a busy machine.

    compare.py --build DIR --before DIR       two builds side by side, time too
    compare.py --build DIR --table FILE       against a committed table; more than 3 % is a failure
    compare.py --build DIR --table FILE --update
"""
import argparse
import json
import os
import re
import sys

from measure import OURS, Failed, counted, progress, table, text_of, timed, workloads

# More than what callgrind's counts move by themselves when code moves in memory, and less than anything that matters.
TOLERANCE = 0.03

# These take callgrind minutes; what they cost shows in the others.
LONG = re.compile(r"scaling/|body102400|bulk_")


def program_of(build):
    return os.path.join(build, "bench", "workloads")


def ours(program, pattern):
    return [each for each in workloads(program, pattern) if each[1] == OURS and each[2]]


def instructions(program, pattern):
    """{workload: instructions per operation} of our engine."""
    chosen = [each for each in ours(program, pattern) if not LONG.search(each[0])]
    figures = {}
    for (name, _), count in counted(program, chosen).items():
        if isinstance(count, Failed):
            raise count
        figures[name] = round(sum(count.values()), 1)
    progress("")
    return {name: figures[name] for name, _, _ in chosen}


def change(before, after):
    return f"{(after / before - 1) * 100:+.1f} %" if before else ""


def side_by_side(before_build, after_build, pattern):
    sides = []
    for build in (before_build, after_build):
        program = program_of(build)
        figures = instructions(program, pattern)
        times, _ = timed(program, ours(program, pattern), 0.05, 5)
        sides.append((figures, {name: row["ns"] for (name, _), row in times.items()}))
    progress("")
    (counts, times), (new_counts, new_times) = sides
    rows = []
    for name in new_times:
        rows.append([name, text_of(counts.get(name)), text_of(new_counts.get(name)),
                     change(counts.get(name), new_counts.get(name, 0)), text_of(times.get(name), 1),
                     text_of(new_times[name], 1), change(times.get(name), new_times[name])])
    table(["workload", "instr/op", "now", "change", "ns/op", "now", "change"], rows)


def check(build, path, update, pattern):
    found = instructions(program_of(build), pattern)
    committed = {}
    if os.path.exists(path):
        with open(path) as file:
            committed = json.load(file)
    if update:
        with open(path, "w") as file:
            json.dump({**committed, **found} if pattern.pattern else found, file, indent=1)
            file.write("\n")
        print(f"{path}: {len(found)} workloads")
        return 0
    rows, grown = [], []
    for name, count in found.items():
        known = committed.get(name)
        rows.append([name, text_of(known), text_of(count), change(known, count)])
        if known is None or count > known * (1 + TOLERANCE):
            grown.append(name)
    missing = [] if pattern.pattern else [name for name in committed if name not in found]
    table(["workload", "instr/op in the table", "found", "change"], rows)
    for name in grown:
        print(f"above the table by more than {TOLERANCE:.0%}, or not in it: {name}")
    for name in missing:
        print(f"in the table only: {name}")
    if grown or missing:
        print("a change that is worth its cost updates the table: ./dev bench --update")
    print(f"{len(found) - len(grown)} passed, {len(grown) + len(missing)} failed")
    return 1 if grown or missing else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True, help="build folder with bench/workloads")
    parser.add_argument("--before", help="build folder of another revision")
    parser.add_argument("--table", help="the committed table")
    parser.add_argument("--update", action="store_true", help="writes the table")
    parser.add_argument("--filter", default="", help="only workloads whose name matches this regular expression")
    options = parser.parse_args()
    pattern = re.compile(options.filter)
    if options.before:
        side_by_side(options.before, options.build, pattern)
        return 0
    if not any(name.startswith("hpack") for name, _, _ in workloads(program_of(options.build), re.compile(""))):
        pattern = pattern if options.filter else re.compile(r"^(?!hpack|huffman)")
        print("skipped: hpack and Huffman workloads, for want of the stories of hpack-test-case")
    return check(options.build, options.table, options.update, pattern)


try:
    sys.exit(main())
except Failed as failure:
    sys.exit(f"compare: {failure}")
