"""What the scripts of this folder share: the workloads of a program, their times, their instructions, and tables."""
import collections
import concurrent.futures
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

OURS, THEIRS, MACHINE = "h2core", "nghttp2", "machine"

# For callgrind. `rep movsb` counts as one instruction per byte, so large copies are made to be loops; and the C library
# chooses its loops by the processor, so that the same program would count differently on another one.
TUNABLES = "glibc.cpu.x86_rep_movsb_threshold=1000000000:glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-ERMS,-FSRM"


class Failed(Exception):
    pass


def said(command, **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout, done.stderr


def workloads(program, pattern):
    """[(name, engine, operations to count instructions of)], without those that the pattern leaves out."""
    lines = [line.split() for line in said([program, "--list"])[0].splitlines()]
    return [(name, engine, int(ops)) for name, engine, ops in lines if pattern.search(name)]


def timed(program, chosen, seconds, repeat):
    """{(name, engine): {"ns": median, "spread": ..., "heap": ..., ...}} and what Google Benchmark says of the machine."""
    samples, context = {}, {}
    only = "^(" + "|".join(f"{name}/{engine}" for name, engine, _ in chosen) + ")$"
    for turn in range(repeat):
        progress(f"run {turn + 1} of {repeat}")
        with tempfile.NamedTemporaryFile(suffix=".json") as out:
            said([program, f"--benchmark_filter={only}", f"--benchmark_min_time={seconds}",
                  f"--benchmark_out={out.name}", "--benchmark_out_format=json"])
            result = json.load(out)
        context = result["context"]
        for run in result["benchmarks"]:
            if run.get("error_occurred"):
                raise Failed(f"{run['name']}: {run['error_message']}")
            samples.setdefault(tuple(run["name"].rsplit("/", 1)), []).append(run)

    figures = {}
    for key, runs in samples.items():
        times = sorted(1e9 / run["items_per_second"] for run in runs)
        last = runs[-1]
        figures[key] = {"ns": statistics.median(times), "spread": times[-1] / times[0] - 1,
                        "heap": last["heap"], "heap_warm": max(run["heap_warm"] for run in runs)}
        for name in ("ratio", "wire_bytes", "text_bytes", "held_bytes", "held_blocks"):
            if name in last:
                figures[key][name] = last[name]
    return figures, context


def functions_of(path):
    """{function without its parameters: instructions of its own} of a file that callgrind wrote."""
    def short(name):
        name, before = name.replace("(anonymous namespace)::", ""), None
        while name != before:  # without what templates were given
            name, before = re.sub("<[^<>]*>", "", name), name
        return name.partition("(")[0].partition(" [")[0].rpartition(" ")[2]

    names, own, function, called = {}, collections.Counter(), None, False
    with open(path) as lines:
        for line in lines:
            if line.startswith("fn="):
                number, _, name = line[3:].rstrip("\n").partition(" ")
                function = names.setdefault(number, short(name))
            elif line.startswith("calls="):
                called = True
            elif line[0].isdigit() or line[0] in "+-*":
                if not called:
                    own[function] += int(line.split()[1])
                called = False
            elif line.startswith("cfn=") and " " in line:
                number, _, name = line[4:].rstrip("\n").partition(" ")
                names[number] = short(name)
    return own


def counted(program, chosen):
    """{(name, engine): {function: instructions per operation of its own}, or why there are none}. Other load does not
    disturb these, so all cores are used."""
    def collected(name, engine, ops):
        with tempfile.NamedTemporaryFile() as written:
            command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={written.name}", program,
                       "--only", f"{name}/{engine}", "--ops", str(ops)]
            out, _ = said(command, env={**os.environ, "GLIBC_TUNABLES": TUNABLES})
            return int(out.split()[-1]), functions_of(written.name)

    def one(name, engine, ops):
        progress(f"instructions of {name}/{engine}")
        try:
            done, once = collected(name, engine, ops)
            done_twice, twice = collected(name, engine, 2 * ops)
        except Failed as failure:
            return (name, engine), failure
        more = done_twice - done
        return (name, engine), {each: (twice[each] - once[each]) / more for each in twice if twice[each] != once[each]}

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        # Those that take long to set up come last in the list; start with them.
        return dict(pool.map(lambda each: one(*each), reversed(chosen)))


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def text_of(value, digits=0):
    return "" if value is None else f"{value:,.{digits}f}".replace(",", " ")


def table(heads, rows):
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    for row in [heads, *rows]:
        cells = [cell.ljust(width) if i in (0, len(row) - 1) else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())
    print()
