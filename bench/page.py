#!/usr/bin/python3
"""Writes what was measured into docs/performance.md, between its marks, and the plots beside it.

    page.py            tables and plots (needs matplotlib)
    page.py --check    fails where the page says something else than bench/measured.json and bench/servers.json

The figures come from `run.py --json bench/measured.json` and `servers.py --json bench/servers.json`; this script
measures nothing and computes nothing but ratios.
"""
import argparse
import json
import pathlib
import re
import sys

from measure import MACHINE, OURS, THEIRS, text_of
from pieces import PIECES

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
PLOTS = ROOT / "docs" / "performance"
MEASURED = ROOT / "bench" / "measured.json"
SERVERS = ROOT / "bench" / "servers.json"

# What we want to reach: times as fast as libnghttp2 1.52, and instructions per operation.
GOALS = [
    (r"frame_parse/data(64|1k)", 5, 170), (r"frame_parse/data16k", 6, 330), (r"frame_parse/ping", 7, 200),
    (r"frame_parse/window_update", 5, 130), (r"frame_parse/unknown", 3, 90),
    (r"hpack_decode/nghttp2", 3.2, 300), (r"hpack_decode/go-hpack", 2.9, 720), (r"hpack_decode/haskell.*", 8, 120),
    (r"hpack_encode/.*", 2.2, 460), (r"huffman_decode", None, 350), (r"huffman_encode", None, 280),
    (r"server_requests/0B", 3.7, 5200), (r"request_response/body(0|1024)/.*", 3.2, 11800),
    (r"request_response/body102400/.*", 2.2, None), (r"bulk_copy/.*", 1.9, None), (r"bulk_gather/.*", None, 400)]
HELD_GOALS = {"memory/idle_session": 1536, "memory/open_stream": 96, "memory/open_stream_ended": 96}
MOST_SCALING = 1.1


class Figures:
    """What was measured, by workload and engine."""

    def __init__(self, measured):
        self.machine, self.repeat = measured["machine"], measured["repeat"]
        self.rows = {(row["workload"], row["engine"]): row for row in measured["workloads"]}
        self.names = list(dict.fromkeys(name for name, engine in self.rows if engine in (OURS, THEIRS)))

    def of(self, name, engine=OURS):
        return self.rows.get((name, engine), {})

    def ratio(self, name):
        ours, theirs = self.of(name), self.of(name, THEIRS)
        return theirs["ns"] / ours["ns"] if theirs else None


def markdown(heads, rows, prose_last=False):
    numbers = len(heads) - 1 - prose_last
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * numbers + "---|" * prose_last]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def goal_of(name):
    return next(((ratio, most) for pattern, ratio, most in GOALS if re.fullmatch(pattern, name)), (None, None))


def with_goal(text, goal, met):
    return text if goal is None or not text else f"{text} ({goal})" if met else f"{text} (**{goal}**)"


def machine_text(figures):
    about = figures.machine
    return [f"{about['processor']}, {about['cores']} cores, {about['system']}, Linux {about['kernel']}, "
            f"{about['libc']}; {about['compiler']}, `{about['flags']}`; {about['libraries']}. "
            f"Load while it ran: {', '.join(f'{each:.1f}' for each in about['load'])}. "
            f"Times are the median of {figures.repeat} runs, in which the engines take turns."]


def engines_table(figures):
    rows = []
    for name in figures.names:
        ours, theirs = figures.of(name), figures.of(name, THEIRS)
        if "held_bytes" in ours or name.startswith("scaling/"):
            continue
        ratio, most = goal_of(name)
        faster = figures.ratio(name)
        count = ours.get("instructions")
        rows.append([
            f"`{name}`", text_of(ours["ns"], 1), text_of(theirs.get("ns"), 1),
            with_goal("" if faster is None else f"{faster:.2f}x", ratio and f"{ratio}x", ratio and faster >= ratio),
            f"{ours['spread']:.0%}",
            with_goal(text_of(count), most and text_of(most), most and count and count <= most),
            text_of(theirs.get("instructions")), f"{ours['heap']:.2g}", f"{theirs['heap']:.2g}" if theirs else ""])
    return markdown(["workload", "ns", "nghttp2", "ratio (goal)", "spread", "instructions (goal)", "nghttp2",
                     "heap calls", "nghttp2"], rows)


def bytes_table(figures):
    rows = []
    for name in figures.names:
        ours, theirs = figures.of(name), figures.of(name, THEIRS)
        for key, digits in (("ratio", 4), ("wire_bytes", 1)):
            if key in ours:
                label = "size of what is encoded" if key == "ratio" else "octets on the wire"
                rows.append([f"`{name}`: {label}", text_of(ours[key], digits), text_of(theirs.get(key), digits)])
        if "held_bytes" in ours:
            goal = HELD_GOALS.get(name)
            held = with_goal(text_of(ours["held_bytes"]), goal and text_of(goal), goal and ours["held_bytes"] <= goal)
            rows.append([f"`{name}`: bytes held (goal)", held, text_of(theirs.get("held_bytes"))])
    return markdown(["", "h2core", "nghttp2"], rows)


def copies_text(figures):
    """What bulk_copy cannot do without."""
    once, twice = (figures.of(f"ref/copied_{times}", MACHINE).get("ns") for times in ("once", "twice"))
    if not once or not twice:
        return []
    name = "bulk_copy/upload_1GiB"
    theirs = figures.of(name, THEIRS).get("ns")
    lines = [f"Copying alone, 16 KiB of a body to what the other end is fed with: {text_of(once, 1)} ns once (as h2core "
             f"does), {text_of(twice, 1)} ns by way of a frame's buffer (as libnghttp2 does)."]
    if theirs:
        lines.append(f"An engine that cost nothing beside its one copy would come to {theirs / once:.2f}x in `{name}`.")
    return lines


def scaling_points(figures, kind, engine):
    """[(open streams, ns per request)]"""
    found = []
    for name in figures.names:
        match = re.fullmatch(f"scaling/{kind}(\\d+)", name)
        if match and figures.of(name, engine):
            found.append((int(match[1]), figures.of(name, engine)["ns"]))
    return sorted(found)


def scaling_table(figures):
    rows = []
    for kind in ("active", "idle"):
        ours, theirs = (dict(scaling_points(figures, kind, engine)) for engine in (OURS, THEIRS))
        for streams, ns in ours.items():
            other = theirs.get(streams)
            grown = ns / ours[1000]
            rows.append([f"{text_of(streams)} {kind}", text_of(ns, 1), text_of(other, 1),
                         f"{other / ns:.2f}x" if other else "",
                         with_goal(f"{grown:.2f}x", f"{MOST_SCALING}x" if streams == 100000 else None,
                                   grown <= MOST_SCALING),
                         f"{other / theirs[1000]:.2f}x" if other else ""])
    return markdown(["open streams", "ns per request", "nghttp2", "ratio", "against 1 000 (goal)", "nghttp2"], rows)


def pieces_of(functions, pieces):
    """{piece: instructions}, with what no piece takes under "everything else"."""
    found = {}
    for function, count in functions.items():
        piece = next((name for pattern, name, _ in pieces if re.search(pattern, function)), "everything else")
        found[piece] = found.get(piece, 0) + count
    return found


def remaining(figures):
    lines = []
    for title, workloads, pieces in PIECES:
        found = [pieces_of(figures.of(each).get("functions", {}), pieces) for each in workloads]
        why = {name: reason for _, name, reason in pieces}
        names = sorted({name for each in found for name in each},
                       key=lambda name: (name not in why, -max(each.get(name, 0) for each in found), name))
        heads = ["piece", *(f"`{each}`" for each in workloads), "why it is there"]
        rows = [[name, *(text_of(each.get(name, 0)) for each in found), why.get(name, "")] for name in names]
        whole = ["in all", *(text_of(figures.of(each).get("instructions")) for each in workloads), ""]
        lines += [f"### {title}", "", *markdown(heads, [*rows, whole], prose_last=True), ""]
    return lines[:-1]


def servers_table(servers):
    ours, rival = "h2 serve", "h2o"
    versions = ", ".join(f"{name}: {text}" for name, text in servers["versions"].items() if name != ours)
    lines = [f"{servers['runs']} runs of each, in turns; medians, with the least and the most in brackets. TLS by "
             f"{servers['suite']}. {versions}.", ""]

    def cell(row, name, digits):
        middle, least, most = row[name]
        return f"{text_of(middle, digits)} ({text_of(least, digits)}..{text_of(most, digits)})"

    def against(beside, name):
        if not all(beside.get(server, {}).get(name) for server in (ours, rival)):
            return ""
        middle = [row[name][0] if name != "writes" else row[name] for row in (beside[ours], beside[rival])]
        return f"{middle[0] / middle[1]:.2f}x"

    rows = []
    for workload, beside in servers["workloads"].items():
        for server, row in beside.items():
            if "failed" in row:
                rows.append([f"`{workload}` {server}", f"failed: {row['failed']}", "", "", ""])
                continue
            digits = 1 if row["user"][0] >= 20 else 2
            rows.append([f"`{workload}` {server}", cell(row, "rate", 0), cell(row, "user", digits),
                         cell(row, "system", digits), "-" if row["writes"] is None else text_of(row["writes"], 1)])
        rows.append([f"`{workload}` {ours} / {rival}", *(against(beside, name) for name in ("rate", "user", "system", "writes"))])
    return lines + markdown(["", "requests/s", "user us per request", "system us per request", "writes per MB"], rows)


def page(text, figures, servers):
    """The page with what stands between `<!-- NAME -->` and `<!-- end -->` made anew."""
    blocks = {"machine": machine_text(figures), "engines": engines_table(figures), "copies": copies_text(figures),
              "bytes": bytes_table(figures),
              "scaling": scaling_table(figures), "remaining": remaining(figures)}
    if servers:
        blocks["servers"] = servers_table(servers)
    for name, lines in blocks.items():
        text, count = re.subn(rf"(<!-- {name} -->\n).*?(<!-- end -->)",
                              lambda found: found[1] + "\n".join(lines) + "\n" + found[2], text, flags=re.S)
        if count != 1:
            sys.exit(f"page: {PAGE.name} has no place for {name}")
    return text


def plot(figures):
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "h2core"
    from matplotlib import pyplot

    def save(figure, name):
        figure.tight_layout()
        figure.savefig(PLOTS / name, metadata={"Date": None})
        pyplot.close(figure)

    PLOTS.mkdir(exist_ok=True)
    chosen = [name for name in figures.names if "held_bytes" not in figures.of(name) and figures.ratio(name)
              and not name.startswith("scaling/")]
    figure, axes = pyplot.subplots(figsize=(9, 0.28 * len(chosen) + 1.2))
    bars = axes.barh(chosen, [figures.ratio(name) for name in chosen], color="#3b6ea5")
    axes.bar_label(bars, fmt="%.1fx", padding=3, fontsize=8)
    axes.axvline(1, color="black", linewidth=1)
    axes.invert_yaxis()
    axes.margins(x=0.08, y=0.01)
    axes.tick_params(labelsize=8)
    axes.set_xlabel(f"times as fast as {figures.machine['libraries']} (black line), CPU time")
    save(figure, "ratios.svg")

    figure, axes = pyplot.subplots(figsize=(9, 4))
    for engine, colour in ((OURS, "#3b6ea5"), (THEIRS, "#c44e52")):
        for kind, style in (("active", "o-"), ("idle", "s--")):
            points = [(max(streams, 1), ns) for streams, ns in scaling_points(figures, kind, engine)]
            if points:
                axes.plot(*zip(*points), style, color=colour, label=f"{engine}, {kind}", markersize=5)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("streams open on the connection (none is drawn at 1)")
    axes.set_ylabel("ns per request, both ends")
    if axes.lines:
        axes.legend(fontsize=8)
    save(figure, "scaling.svg")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="writes nothing, fails where the page is not what was measured")
    options = parser.parse_args()
    figures = Figures(json.loads(MEASURED.read_text()))
    servers = json.loads(SERVERS.read_text()) if SERVERS.exists() else None
    text = PAGE.read_text()
    wanted = page(text, figures, servers)
    if options.check:
        if text != wanted:
            sys.exit("page: docs/performance.md is not what bench/measured.json says; run bench/page.py")
        return
    plot(figures)
    PAGE.write_text(wanted)


main()
