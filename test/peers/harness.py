"""What the tests have in common: how one is named and judged, and how programs are run and ended."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

TESTS = []
SANITIZER = re.compile(r"^.*(?:(?:ERROR|WARNING): \w+Sanitizer|runtime error:).*$", re.MULTILINE)
HERE = pathlib.Path(__file__).resolve().parent

# No settings of the machine reach the programs: no proxy, no ~/.curlrc, no language.
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")} | {"NO_PROXY": "*", "LC_ALL": "C"}


class Failed(Exception):
    pass


class Skip(Exception):
    pass


def test(function=None, *, browser=False):
    """Registers a test; its name is the function's. `browser` ones run with --browser only."""
    if function is None:
        return lambda f: test(f, browser=browser)
    TESTS.append((function.__name__.replace("_", "-"), function, browser))
    return function


def check(truth, *what):
    if not truth:
        raise Failed(" ".join(str(w) for w in what))


def equal(found, wanted, what):
    check(found == wanted, f"{what}: {shorten(found)} instead of {shorten(wanted)}")


def shorten(value):
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:100]}... ({len(text)} characters)"


def need(program):
    """The path of a program of the system, or the test is skipped."""
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if not found:
        raise Skip(f"{program} is not installed")
    return found


def run(command, *, code=0, timeout=90, stdin=b""):
    """Runs to the end and wants exit code `code`; stdout and stderr come back as text."""
    command = [str(word) for word in command]
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=timeout, env=ENVIRONMENT)
    except subprocess.TimeoutExpired:
        raise Failed(f"{pathlib.Path(command[0]).name} did not end in {timeout} s") from None
    done.stdout, done.stderr = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    complaint = SANITIZER.search(done.stderr)
    check(not complaint, complaint and complaint.group())
    if code is not None and done.returncode != code:
        last = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        raise Failed(f"{pathlib.Path(command[0]).name} exited with {done.returncode} instead of {code}: {last}")
    return done


class Server:
    """A program that prints `listening on URL`, once per URL; for use in a `with`, which ends it and looks how it ended."""

    def __init__(self, command, listens=1, code=0):
        self.name = pathlib.Path(str(command[0])).name
        self.code = code
        self.log = []
        self.urls = []
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT)
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        guard = threading.Timer(30, self.process.kill)
        guard.start()
        while len(self.urls) < listens:
            line = self.process.stdout.readline().decode()
            if not line:
                guard.cancel()
                self.process.wait()
                self._reader.join(5)
                raise Failed(f"{self.name} did not start: {self.text().strip()}")
            if line.startswith("listening on "):
                self.urls.append(line.split()[-1])
        guard.cancel()

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line.decode(errors="replace"))

    def text(self):
        return "".join(self.log)

    def wait_for(self, what, seconds=10):
        """Until `what` stands in the log."""
        end = time.monotonic() + seconds
        while what not in self.text():
            check(time.monotonic() < end, f"the log has no '{what}':", self.text()[-600:])
            time.sleep(0.02)

    def url(self, scheme=""):
        return next(url for url in self.urls if url.startswith(scheme))

    def address(self, scheme=""):
        host, port = self.url(scheme).split("://")[-1].rsplit(":", 1)
        return host, int(port)

    def stop(self, timeout=30):
        """SIGTERM; then the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait(timeout)

    def wait(self, timeout=30):
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} did not end in {timeout} s") from None
        self._reader.join(5)
        complaint = SANITIZER.search(self.text())
        check(not complaint, complaint and complaint.group())
        return code

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        try:
            if kind is None and self.process.returncode is None:
                check(self.process.poll() is None, f"{self.name} is gone:", self.text()[-300:])
                equal(self.stop(), self.code, f"exit code of {self.name}")
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()


class Foreign(Server):
    """A server of somebody else that is told its port, and prints nothing that helps."""

    def __init__(self, command, port):
        self.name = pathlib.Path(str(command[0])).name
        self.log, self.urls, self.code = [], [f"127.0.0.1:{port}"], None
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                check(time.monotonic() < end and self.process.poll() is None, f"{self.name} did not start")
                time.sleep(0.05)

    def __exit__(self, kind, error, trace):
        self.process.kill()
        self.process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Place:
    """What a test is given: the programs, a folder, and a server that all share."""

    def __init__(self, h2, examples, folder):
        self.h2, self.examples, self.folder = h2, examples, pathlib.Path(folder)
        self._server = None
        self.attack_seconds, self.show_figures = 1.0, False
        self.sanitized = b"__asan_init" in self.h2.read_bytes()

    def figure(self, line):
        if self.show_figures:
            print("  " + line, flush=True)

    def file(self, name, size):
        """A file of `size` bytes that look random and are the same on every run."""
        path = self.folder / f"{name}-{size}"
        if not path.exists():
            step = b"".join((i * 2654435761 >> 7 & 0xFFFFFF).to_bytes(3, "big") for i in range(65521))
            path.write_bytes((step * (size // len(step) + 1))[:size])
        return path

    def path(self, name):
        return self.folder / name

    @property
    def ca(self):
        """The certificate of `server`, and after that the one to trust."""
        self.server
        return self.folder / "ca.pem"

    @property
    def server(self):
        """`h2 serve` on both ports with its own certificate, the same for all tests."""
        if self._server is None:
            self._server = self.serve("--http", 0, "--https", 0, "--write-ca", self.folder / "ca.pem", listens=2)
        return self._server

    def serve(self, *arguments, listens=1, **options):
        return Server([self.h2, "serve", *arguments], listens, **options)

    def example(self, name):
        program = self.examples / f"example-{name}" if self.examples else None
        if program is None or not program.exists():
            raise Skip("the examples were not built")
        return program

    @property
    def certificate(self):
        """A certificate and a key for localhost as files, for servers of others."""
        cert, key = self.folder / "other-cert.pem", self.folder / "other-key.pem"
        if not cert.exists():
            run([need("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                 "-keyout", key, "-out", cert])
        return cert, key

    def close(self):
        server, self._server = self._server, None
        if server is not None:
            with server:
                pass
