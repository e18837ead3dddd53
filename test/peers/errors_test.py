"""What goes wrong before or beside HTTP/2 is one clear line on stderr and an exit code."""
import socket
import threading

import raw
from harness import check, equal, free_port, need, run, test

USAGE, CONNECT, TLS, ALPN, PROTOCOL, HTTP, FILE = 2, 3, 4, 5, 6, 7, 8


def fails(place, code, *arguments, mentions=""):
    said = run([place.h2, *arguments], code=code, timeout=30)
    lines = said.stderr.strip().splitlines()
    equal(len(lines), 1, f"lines of the error {said.stderr!r}")
    check(str(mentions) in lines[0], f"{lines[0]!r} does not mention {mentions}")


@test
def serve_says_why_it_cannot_start(place):
    cert, key = place.certificate
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        fails(place, CONNECT, "serve", "--http", port, mentions=port)
    broken = place.path("broken.pem")
    broken.write_text("-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n")
    fails(place, TLS, "serve", "--https", 0, "--cert", broken, "--key", key, mentions="broken.pem")
    foreign = place.path("foreign.pem")
    run([need("openssl"), "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", foreign])
    fails(place, TLS, "serve", "--https", 0, "--cert", cert, "--key", foreign)
    fails(place, FILE, "serve", "--https", 0, "--cert", place.path("none.pem"), "--key", key, mentions="none.pem")
    fails(place, FILE, "serve", "--http", 0, "--root", place.path("none"), mentions="none")
    fails(place, FILE, "serve", "--https", 0, "--write-ca", place.path("none/ca.pem"), mentions="none/ca.pem")


@test
def wrong_command_lines_are_code_2(place):
    for arguments in [[], ["fetch"], ["get"], ["serve", "--port", "1"], ["get", "--repeat", "x", "http://localhost/"],
                      ["get", "ftp://localhost/"], ["get", "http://localhost:99999/", "--prior-knowledge"],
                      ["get", "http://localhost/"], ["serve", "--http", "70000"]]:
        said = run([place.h2, *arguments], code=USAGE)
        check(said.stderr.strip(), arguments, "without a word")


@test
def get_says_why_it_has_no_connection(place):
    port = free_port()
    fails(place, CONNECT, "get", f"https://127.0.0.1:{port}/", mentions=port)
    fails(place, CONNECT, "get", "--prior-knowledge", f"http://127.0.0.1:{port}/", mentions=port)
    fails(place, CONNECT, "get", "https://no-such-name.invalid/", mentions="no-such-name.invalid")


@test
def get_fetches_from_one_server_though_another_is_not_there(place):
    gone = f"http://localhost:{free_port()}/"
    for urls in [[gone, place.server.url("http:") + "/bytes/9"], [place.server.url("http:") + "/bytes/9", gone]]:
        said = run([place.h2, "get", "--prior-knowledge", "--concurrency", 1, *urls], code=CONNECT, timeout=10)
        equal(said.stdout, "abcdefghi", f"what came of {urls}")


@test
def get_says_what_is_wrong_with_files(place):
    url = place.server.url("http:")
    get = ["get", "--prior-knowledge"]
    fails(place, FILE, *get, "-o", place.path("none/out"), url + "/", mentions="none/out")
    fails(place, FILE, *get, "-d", f"@{place.path('none')}", url + "/echo", mentions="none")
    fails(place, FILE, *get, "-o", "/dev/full", url + "/bytes/1000000", mentions="/dev/full")
    fails(place, FILE, "get", "--cacert", place.path("none.pem"), "https://127.0.0.1:1/", mentions="none.pem")


@test
def get_tells_statuses_apart(place):
    fails(place, HTTP, "get", "--prior-knowledge", "-o", "/dev/null", place.server.url("http:") + "/nothing", mentions=404)


class OneAnswer:
    """A server that says the same octets to every connection, and then ends or waits."""

    def __init__(self, octets, ends=True):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.octets, self.ends = octets, ends
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
                with peer:
                    peer.settimeout(10)
                    peer.recv(24)
                    peer.sendall(self.octets)
                    if self.ends:
                        peer.shutdown(socket.SHUT_WR)
                    while peer.recv(65536):
                        pass
            except OSError:
                if self.listener.fileno() < 0:
                    return

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.listener.close()


@test
def get_names_what_a_broken_server_did(place):
    settings = raw.frame(raw.SETTINGS)
    last = raw.frame(raw.GOAWAY, 0, 0, (0).to_bytes(4, "big") + (11).to_bytes(4, "big"))
    for octets, mentions in [
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "HTTP/1"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "TLS"),
        (raw.frame(raw.PING, 0, 0, bytes(8)), "SETTINGS"),
        (settings + raw.frame(raw.PING, 0, 0, bytes(7)), "PING"),
        (settings + raw.frame(raw.HEADERS, raw.END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff"), "header block"),
        (settings + last, "ENHANCE_YOUR_CALM"),
        (settings, ""),
        (b"", ""),
    ]:
        with OneAnswer(octets) as server:
            fails(place, PROTOCOL, "get", "--prior-knowledge", server.url, mentions=mentions)
