#!/usr/bin/python3
"""`h2 serve` beside nghttpd, h2o and nginx, over loopback, under h2load.

    servers.sh [--runs N] [--seconds S] [--only REGEX] [--servers REGEX] [--json FILE]

Each server has one worker, keeps no log and is pinned to one processor; h2load has another one. Every server gets a fixed
number of requests for a file of 1 KiB or 1 MiB, as many as it answers in about S seconds, in cleartext (h2c, prior
knowledge) or over TLS 1.3 with AES-128-GCM, which is the only suite that h2load then offers. The servers take turns, N times. Told are
requests per second, the server's own processor time for a request (user and system, of all its processes, from
/proc/PID/stat), and how often it called the kernel to write a megabyte (strace, in a run of its own): medians, with the
least and the most beside them. Each server's answers are compared with the files first. No request may fail: the
server's line then says so, and the others' are measured. FILE is written after each workload.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from measure import Failed, progress, said, table

OURS, RIVAL = "h2 serve", "h2o"
SUITE = "TLS_AES_128_GCM_SHA256"
FILES = {"1KiB": 1024, "1MiB": 1 << 20}
LOADS = [(1, 100), (10, 100), (100, 10)]
WRITES = "write,writev,sendmsg,sendto,sendfile"
TICKS = os.sysconf("SC_CLK_TCK")
SERVER_CPU, LOAD_CPU = "0", "1"


class Workload:
    def __init__(self, scheme, file, clients, streams):
        self.scheme, self.file, self.clients, self.streams = scheme, file, clients, streams
        self.name = f"{file}/{'h2c' if scheme == 'http' else 'tls'}/c{clients}-m{streams}"


class Server:
    """One that runs. `command(place, ports)` says how it is started; `ports` has one for each scheme."""

    def __init__(self, name, place, commands):
        self.name, self.ports = name, {"http": free_port(), "https": free_port()}
        self.log = open(place / f"{name.replace(' ', '-')}.log", "wb")
        self.started = []
        for command in commands(place, self.ports):
            self.started.append(subprocess.Popen(["taskset", "-c", SERVER_CPU, *map(str, command)],
                                                 stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log))

    def url(self, scheme, file):
        return f"{scheme}://127.0.0.1:{self.ports[scheme]}/{file}"

    def wait(self):
        deadline = time.monotonic() + 15
        for port in self.ports.values():
            while True:
                if any(each.poll() is not None for each in self.started):
                    raise Failed(f"{self.name} ended: {pathlib.Path(self.log.name).read_text(errors='replace')}")
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                if time.monotonic() > deadline:
                    raise Failed(f"{self.name} does not listen on port {port}")
                time.sleep(0.05)

    def check(self, place):
        """Every file is there, whole, over HTTP/2."""
        for scheme in self.ports:
            for file in FILES:
                command = ["curl", "-sSk", "--max-time", "10", "-o", place / "got", "-w", "%{http_version} %{http_code}",
                           "--http2-prior-knowledge" if scheme == "http" else "--http2", self.url(scheme, file)]
                answer = said([str(word) for word in command])[0]
                whole = (place / "got").read_bytes() == (place / "files" / file).read_bytes()
                if answer != "2 200" or not whole:
                    raise Failed(f"{self.name}: {self.url(scheme, file)}: {answer}, {'whole' if whole else 'broken'}")

    def processes(self):
        """Those we started and their children."""
        parents = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        found = {each.pid for each in self.started}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found

    def cpu(self):
        """(user, system) seconds so far."""
        user = system = 0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                user, system = user + int(fields[11]), system + int(fields[12])
        return user / TICKS, system / TICKS

    def end(self):
        for each in self.started:
            each.send_signal(signal.SIGTERM)
        for each in self.started:
            try:
                each.wait(3)
            except subprocess.TimeoutExpired:
                each.kill()
                each.wait()
        self.log.close()


# ---- how each is started, with an equal configuration ----

def ours(program):
    def commands(place, ports):
        yield [program, "serve", "--http", ports["http"], "--https", ports["https"], "--root", place / "files",
               "--cert", place / "cert.pem", "--key", place / "key.pem", "--log", "none"]
    return commands


def nghttpd(place, ports):
    common = ["nghttpd", "-a", "127.0.0.1", "--workers=1", "-d", place / "files"]
    yield [*common, "--no-tls", ports["http"]]
    yield [*common, ports["https"], place / "key.pem", place / "cert.pem"]


def h2o(place, ports):
    (place / "h2o.conf").write_text(f"""
num-threads: 1
user: {os.environ.get("USER") or "root"}
pid-file: {place}/h2o.pid
error-log: /dev/null
hosts:
  default:
    listen:
      host: 127.0.0.1
      port: {ports["http"]}
    listen:
      host: 127.0.0.1
      port: {ports["https"]}
      ssl:
        certificate-file: {place}/cert.pem
        key-file: {place}/key.pem
    paths:
      /:
        file.dir: {place}/files
""")
    yield ["h2o", "-m", "worker", "-c", place / "h2o.conf"]


def nginx(place, ports):
    (place / "nginx.conf").write_text(f"""
daemon off;
worker_processes 1;
user {os.environ.get("USER") or "root"};
pid {place}/nginx.pid;
error_log /dev/null;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  sendfile_max_chunk 64k;  # more for each of a hundred streams, and nginx counts the frames that wait as a flood
  tcp_nopush on;
  open_file_cache max=100;
  keepalive_requests 1000000000;
  keepalive_timeout 600;
  client_body_temp_path {place}/nginx-body;
  proxy_temp_path {place}/nginx-proxy;
  fastcgi_temp_path {place}/nginx-fastcgi;
  uwsgi_temp_path {place}/nginx-uwsgi;
  scgi_temp_path {place}/nginx-scgi;
  server {{
    listen 127.0.0.1:{ports["http"]} http2;
    listen 127.0.0.1:{ports["https"]} ssl http2;
    ssl_protocols TLSv1.3;
    ssl_certificate {place}/cert.pem;
    ssl_certificate_key {place}/key.pem;
    root {place}/files;
  }}
}}
""")
    yield ["nginx", "-e", "/dev/null", "-c", place / "nginx.conf"]


# ---- one run ----

class Run:
    """What h2load says of `requests` requests, and what they cost the server."""

    def __init__(self, server, workload, requests):
        command = ["taskset", "-c", LOAD_CPU, "h2load", "-n", str(requests), "-c", str(workload.clients),
                   "-m", str(workload.streams), f"--tls13-ciphers={SUITE}", server.url(workload.scheme, workload.file)]
        before = server.cpu()
        out = said(command, timeout=600)[0]
        after = server.cpu()
        done, failed = re.search(r"(\d+) succeeded, (\d+) failed", out).groups()
        if int(done) != requests or failed != "0":
            raise Failed(f"of {requests} requests {done} succeeded")
        suite = re.search(r"Cipher: (\S+)", out)
        if workload.scheme == "https" and (suite is None or suite[1] != SUITE):
            raise Failed(f"{suite and suite[1]} and not {SUITE}")
        self.rate = float(re.search(r"finished in .*?, ([\d.]+) req/s", out)[1])
        self.megabytes = int(re.search(r"traffic: \S+ \((\d+)\) total", out)[1]) / 1e6
        self.user, self.system = ((b - a) / requests * 1e6 for a, b in zip(before, after))


def rounds_of(workload):
    """The least number of requests: every stream of every client gets a few."""
    return 3 * workload.clients * workload.streams


def requests_for(server, workload, seconds):
    """As many as take about so long, by trial."""
    count = rounds_of(workload)
    while True:
        rate = Run(server, workload, count).rate
        if count >= rate * seconds / 4:
            return max(rounds_of(workload), int(rate * seconds))
        count = max(2 * count, min(16 * count, int(rate * seconds / 2)))


def writes_per_megabyte(server, workload, place):
    """Null where strace may not look."""
    requests = rounds_of(workload) * (1 if FILES[workload.file] > 65536 else 20)
    counts = place / "writes"
    pids = [word for pid in server.processes() for word in ("-p", str(pid))]
    tracer = subprocess.Popen(["strace", "-qq", "-c", "-f", "-e", f"trace={WRITES}", "-o", counts, *pids],
                              stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    if tracer.poll() is not None:
        return None
    try:
        megabytes = Run(server, workload, requests).megabytes
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(10)
    rows = [line.split() for line in counts.read_text().splitlines()]
    return sum(int(row[3]) for row in rows if row and row[-1] in WRITES.split(",")) / megabytes


# ---- all of them ----

def measure(servers, workloads, runs, seconds, place, keep):
    """Gives `keep` {workload: {server: {figure: [median, least, most]}}}, one workload more each time. A server that
    fails has {"failed": why} there, and is not asked for this workload again."""
    figures = {}
    for number, workload in enumerate(workloads):
        step = f"{number + 1} of {len(workloads)}, {workload.name}"
        trials = [Trial(server, workload, step) for server in servers]
        for trial in trials:
            trial.find_count(seconds)
        for turn in range(runs):
            for trial in trials:
                trial.run(f"round {turn + 1} of {runs}")
        for trial in trials:
            trial.count_writes(place)
        figures[workload.name] = {trial.server.name: trial.figures() for trial in trials}
        progress("")
        show(workload.name, figures[workload.name])
        keep(figures)
    return figures


class Trial:
    """One server under one workload, until it fails."""

    def __init__(self, server, workload, step):
        self.server, self.workload, self.step = server, workload, step
        self.count, self.taken, self.writes, self.failed = None, [], None, None

    def attempt(self, what, work):
        if self.failed:
            return None
        progress(f"{self.step}: {what}, {self.server.name}")
        try:
            return work()
        except (Failed, subprocess.TimeoutExpired) as problem:
            self.failed = str(problem).split("\n")[0]
            return None

    def find_count(self, seconds):
        self.count = self.attempt("how fast it is", lambda: requests_for(self.server, self.workload, seconds))

    def run(self, turn):
        self.taken.append(self.attempt(turn, lambda: Run(self.server, self.workload, self.count)))

    def count_writes(self, place):
        self.writes = self.attempt("writes", lambda: writes_per_megabyte(self.server, self.workload, place))

    def figures(self):
        if self.failed:
            return {"failed": self.failed}
        mine = {name: spread([getattr(run, name) for run in self.taken]) for name in ("rate", "user", "system")}
        return {**mine, "writes": self.writes and round(self.writes, 2), "requests": self.count}


def spread(values):
    return [round(figure, 4) for figure in (statistics.median(values), min(values), max(values))]


HEADS = {"rate": "requests/s", "user": "user us", "system": "system us", "writes": "writes/MB"}


def show(name, figures):
    def cell(figure, value):
        if value is None:
            return "-"
        if figure == "writes":
            return f"{value:.1f}"
        places = 0 if figure == "rate" or value[0] >= 100 else 3
        return "{:,.{p}f} ({:,.{p}f}..{:,.{p}f})".format(*value, p=places)

    whole = {server: row for server, row in figures.items() if "failed" not in row}
    rows = [[server, *(cell(figure, row[figure]) for figure in HEADS), ""] for server, row in whole.items()]
    rows += [[server, *("-" for _ in HEADS), f"failed: {row['failed']}"] for server, row in figures.items()
             if server not in whole]
    figures = whole
    if OURS in figures:
        others = {server: row for server, row in figures.items() if server != OURS}
        if RIVAL in others:
            rows.append([f"ours / {RIVAL}", *(ratio(figures[OURS], [others[RIVAL]], figure) for figure in HEADS), ""])
        if others:
            rows.append(["ours / best", *(ratio(figures[OURS], others.values(), figure) for figure in HEADS), ""])
    table([name, *HEADS.values(), ""], rows)


def ratio(mine, others, figure):
    """To the best of them: of rates the highest, of costs the lowest."""
    def middle(row):
        return row[figure][0] if isinstance(row[figure], list) else row[figure]
    known = [middle(row) for row in others if middle(row)]
    if not known or not middle(mine):
        return "-"
    return f"{middle(mine) / (max if figure == 'rate' else min)(known):.2f}"


def prepare(place):
    place.chmod(0o755)
    (place / "files").mkdir()
    for name, size in FILES.items():
        (place / "files" / name).write_bytes((bytes(range(256)) * (size // 256 + 1))[:size])
    said(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
          "-subj", "/CN=localhost", "-keyout", str(place / "key.pem"), "-out", str(place / "cert.pem")])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def arguments():
    parser = argparse.ArgumentParser(prog="servers.sh", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7, help="of each server for each workload (default 7)")
    parser.add_argument("--seconds", type=float, default=3, help="that a run takes, more or less (default 3)")
    parser.add_argument("--only", type=re.compile, default=re.compile(""), metavar="REGEX",
                        help="workloads to run, as 1KiB/h2c/c10-m100")
    parser.add_argument("--servers", type=re.compile, default=re.compile(""), metavar="REGEX",
                        help="servers to run, by name")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="where the figures go, too")
    parser.add_argument("--h2", default="build/release/tools/h2", help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    given = arguments()
    if not {int(SERVER_CPU), int(LOAD_CPU)} <= os.sched_getaffinity(0):
        raise Failed(f"wants the processors {SERVER_CPU} and {LOAD_CPU}")
    workloads = [workload for file in FILES for scheme in ("http", "https") for clients, streams in LOADS
                 if given.only.search((workload := Workload(scheme, file, clients, streams)).name)]
    starts = {OURS: ours(given.h2), RIVAL: h2o, "nghttpd": nghttpd, "nginx": nginx}
    servers = []
    place = pathlib.Path(tempfile.mkdtemp(prefix="h2-servers-"))
    try:
        prepare(place)
        for name, commands in starts.items():
            if given.servers.search(name):
                servers.append(Server(name, place, commands))
        for server in servers:
            server.wait()
            server.check(place)
        figures = measure(servers, workloads, given.runs, given.seconds, place, lambda figures: keep(given, figures))
    finally:
        for server in servers:
            server.end()
        shutil.rmtree(place)
    return 1 if any("failed" in beside.get(OURS, {}) for beside in figures.values()) else 0


def keep(given, figures):
    """After each workload, so that nothing is lost when a later one is broken off."""
    if given.json:
        given.json.write_text(json.dumps({"runs": given.runs, "seconds": given.seconds, "suite": SUITE,
                                          "versions": versions(given.h2), "workloads": figures}, indent=1) + "\n")


def versions(program):
    def first_line(*command):
        done = subprocess.run(command, capture_output=True, text=True)
        return (done.stdout + done.stderr).strip().split("\n")[0]
    return {OURS: first_line("git", "-C", str(pathlib.Path(__file__).parent), "rev-parse", "--short", "HEAD"),
            RIVAL: first_line("h2o", "--version"), "nghttpd": first_line("nghttpd", "--version"),
            "nginx": first_line("nginx", "-v"), "h2load": first_line("h2load", "--version")}


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, subprocess.TimeoutExpired) as problem:
        progress("")
        sys.exit(f"servers: {problem}")
