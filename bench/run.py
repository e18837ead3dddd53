#!/usr/bin/python3
"""Runs the workloads and prints one table: our engine beside libnghttp2, where that was found.

    run.py --build DIR [--quick] [--filter REGEX] [--repeat N] [--no-instructions] [--json FILE]

Time is CPU time, the median of several runs in which the engines take turns. Instructions come from callgrind, as the
difference between a run of N and one of 2N operations, so that setting up cancels out. Heap calls are malloc, calloc
and realloc, opening the session or table included. The exit code is 1 if a workload failed or gave a wrong result, or
if our engine called the heap where everything is warm; no time is ever a reason to fail.
"""
import argparse
import json
import os
import platform
import re
import shutil
import sys

from measure import MACHINE, OURS, THEIRS, Failed, counted, progress, table, text_of, timed, workloads

# What --quick counts instructions of; it times all.
QUICK = re.compile(r"hpack_decode/nghttp2$|hpack_encode|frame_parse/(data64|ping)$|server_requests|"
                   r"request_response/body0/conc10$")


def heap_text(value):
    return "" if value is None else "0" if value == 0 else f"{value:.2g}" if value < 0.1 else f"{value:.1f}"


def note(ours, theirs):
    """What belongs to a row beside time: compression, and the rate of the bytes that a user thinks in."""
    notes = []
    if "ratio" in ours:
        notes.append("compression " + " / ".join(f"{each['ratio']:.4f}" for each in (ours, theirs) if each))
    if "wire_bytes" in ours:
        notes.append("wire bytes " + " / ".join(text_of(each["wire_bytes"], 1) for each in (ours, theirs) if each))
    if "text_bytes" in ours:
        notes.append(f"{text_of(ours['text_bytes'] / ours['ns'] * 1000)} MB/s")
    return ", ".join(notes)


def print_tables(figures, beside):
    names = list(dict.fromkeys(name for name, _ in figures))
    rows, held = [], []
    for name in names:
        ours = figures.get((name, OURS)) or figures.get((name, MACHINE))
        theirs = figures.get((name, THEIRS), {})
        if "held_bytes" in ours:
            held.append([name, text_of(ours["held_bytes"]), heap_text(ours["held_blocks"])])
            if beside:
                held[-1] += [text_of(theirs["held_bytes"]), heap_text(theirs["held_blocks"]),
                             f"{theirs['held_bytes'] / max(ours['held_bytes'], 1):.2f}x"]
            continue
        ratio = f"{theirs['ns'] / ours['ns']:.2f}x" if theirs else ""
        row = [name, text_of(ours["ns"], 1), text_of(theirs.get("ns"), 1), ratio, text_of(ours.get("instructions")),
               text_of(theirs.get("instructions")), heap_text(ours.get("heap")), heap_text(theirs.get("heap")),
               note(ours, theirs)]
        rows.append(row if beside else [row[0], row[1], row[4], row[6], row[8]])
    if rows:
        table(["workload", "ns/op", "nghttp2", "ratio", "instr/op", "nghttp2", "heap/op", "nghttp2", ""] if beside else
              ["workload", "ns/op", "instr/op", "heap/op", ""], rows)
    if held:
        table(["memory", "bytes", "blocks", "nghttp2", "blocks", "ratio"] if beside else ["memory", "bytes", "blocks"],
              held)
    scaling(figures)


def scaling(figures):
    """How much a request costs among 100,000 streams, against one among 1,000."""
    for kind in ("active", "idle"):
        for engine in (OURS, THEIRS):
            few = figures.get((f"scaling/{kind}1000", engine))
            many = figures.get((f"scaling/{kind}100000", engine))
            if few and many:
                line = f"{kind} 100 000 streams against 1 000, {engine}: time {many['ns'] / few['ns']:.2f}x"
                if "instructions" in few and "instructions" in many:
                    line += f", instructions {many['instructions'] / few['instructions']:.2f}x"
                print(line)


def machine(context, build):
    system = platform.freedesktop_os_release()
    model = re.search(r"model name\s*:\s*(.*)", open("/proc/cpuinfo").read())
    return {"processor": model[1] if model else platform.machine(), "cores": os.cpu_count(),
            "system": system["PRETTY_NAME"], "kernel": platform.release(), "libraries": context.get(THEIRS),
            "compiler": context["compiler"], "flags": flags(build), "libc": " ".join(platform.libc_ver()),
            "load": context.get("load_avg")}


def flags(build):
    """What the build was asked for that makes code faster or slower."""
    with open(os.path.join(build, "meson-info", "intro-buildoptions.json")) as file:
        options = {each["name"]: each["value"] for each in json.load(file)}
    said = [f"-O{options['optimization']}"] + ([] if options["b_ndebug"] != "true" else ["-DNDEBUG"])
    said += ["-flto"] if options["b_lto"] else []
    return " ".join(said + options["cpp_args"] + [f"({options['default_library']} libraries)"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True, help="build folder with bench/workloads")
    parser.add_argument("--quick", action="store_true", help="short runs, instructions of a few workloads only")
    parser.add_argument("--filter", default="", help="only workloads whose name matches this regular expression")
    parser.add_argument("--repeat", type=int, help="how many runs the median is taken of")
    parser.add_argument("--no-instructions", action="store_true", help="leave callgrind out")
    parser.add_argument("--json", help="writes everything to this file, too")
    options = parser.parse_args()

    program = os.path.join(options.build, "bench", "workloads")
    chosen = workloads(program, re.compile(options.filter))
    if not chosen:
        raise Failed(f"no workload matches {options.filter}")
    repeat = options.repeat or (3 if options.quick else 7)
    figures, context = timed(program, chosen, 0.03 if options.quick else 0.2, repeat)

    uncounted = []
    if shutil.which("valgrind") and not options.no_instructions:
        to_count = [each for each in chosen if each[2] and (not options.quick or QUICK.search(each[0]))]
        for key, instructions in counted(program, to_count).items():
            if isinstance(instructions, Failed):
                uncounted.append(instructions)
            else:
                figures[key]["instructions"] = sum(instructions.values())
                if key[1] == OURS:
                    figures[key]["functions"] = {each: round(count, 1) for each, count in instructions.items()
                                                 if abs(count) >= 0.5}
    progress("")

    about = machine(context, options.build)
    print(f"{about['processor']}, {about['cores']} cores; {about['libraries'] or 'no libnghttp2'}; "
          f"CPU time, median of {repeat} runs; ratio = nghttp2 / h2core, above 1 is faster\n")
    print_tables(figures, any(engine == THEIRS for _, engine in figures))
    if not any(name.startswith("hpack") for name, _ in figures) and not options.filter:
        print("skipped: hpack and Huffman workloads, for want of the stories of hpack-test-case")
    if options.json:
        with open(options.json, "w") as out:
            rows = [{"workload": name, "engine": engine, **figure} for (name, engine), figure in figures.items()]
            json.dump({"machine": about, "repeat": repeat, "workloads": rows}, out, indent=1)

    broken = [(name, figure["heap_warm"]) for (name, engine), figure in figures.items()
              if engine == OURS and figure["heap_warm"] > 0]
    for name, calls in broken:
        print(f"heap calls where there should be none: {name}, {calls:.0f} while warm")
    for failure in uncounted:
        print(f"not counted: {failure}")
    return 1 if broken or uncounted else 0


try:
    sys.exit(main())
except Failed as failure:
    sys.exit(f"bench: {failure}")
