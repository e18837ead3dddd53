"""From HTTP/1.1 to HTTP/2 without TLS by Upgrade: h2c (RFC 7540 3.2), as client and as server."""
import base64
import contextlib
import socket
import threading

import raw
from harness import Foreign, check, equal, free_port, need, run, test

USAGE, ALPN, PROTOCOL = 2, 5, 6
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


def get(place, *arguments, **options):
    return run([place.h2, "get", "--h2c-upgrade", *arguments], timeout=30, **options)


@test
def get_upgrades_to_h2c(place):
    with place.serve("--http", 0, "--h2c-upgrade") as server:
        url = server.url()
        said = get(place, "--summary", "-v", url + "/bytes/100000")
        equal(len(said.stdout), 100_000, "bytes")
        check("upgraded from HTTP/1.1" in said.stderr, "the summary:", said.stderr[-200:])
        check("HTTP/1.1 status 101" in said.stderr, "-v does not show the upgrade")
        equal(get(place, "--repeat", 50, url + "/bytes/7").stdout, "abcdefg" * 50, "50 fetches")
        equal(get(place, "-i", "-X", "HEAD", url + "/bytes/7").stdout, "", "HEAD")
        get(place, url + "/nothing", code=7)
        server.stop()
        check("stream 1 h2c GET /bytes/100000 200" in server.text(), "stream 1 in the log:", server.text()[:300])
        check("http/1.1 GET" not in server.text(), "a request was answered by HTTP/1.1")


@test
def get_says_that_there_is_no_upgrade(place):
    for path, status in [("/", 200), ("/nothing", 404)]:
        said = get(place, place.server.url("http:") + path, code=ALPN)
        check(f"HTTP/1.1 status {status}" in said.stderr, "the status:", said.stderr)
        equal((said.stdout, len(said.stderr.splitlines())), ("", 1), "content, and lines of the error")
    said = run([place.h2, "get", "--h2c-upgrade", "-H", "keep-alive: 5", place.server.url("http:")], code=USAGE, timeout=5)
    check("cannot be sent" in said.stderr, "the reason:", said.stderr)
    said = get(place, "-d", "x", place.server.url("http:") + "/echo", code=USAGE)
    check("--data" in said.stderr, "the reason:", said.stderr)


class Switching:
    """A server that reads a request, says `octets`, then plays `act` with what it got and an HTTP/2 connection."""

    def __init__(self, octets, act=None, pieces=1 << 16):
        self.octets, self.act, self.pieces, self.heads = octets, act, pieces, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer:
                peer.settimeout(15)
                head = b""
                while b"\r\n\r\n" not in head:
                    head += peer.recv(4096)
                self.heads.append(head)
                for at in range(0, len(self.octets), self.pieces):
                    peer.sendall(self.octets[at:at + self.pieces])
                if self.act:
                    self.act(raw.Answering(peer), head)
                elif self.octets:
                    with contextlib.suppress(OSError):  # the client may be gone
                        peer.shutdown(socket.SHUT_WR)
                        while peer.recv(65536):
                            pass

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.listener.close()


@test
def get_says_in_the_upgrade_what_its_settings_are(place):
    seen = []

    def act(peer, head):
        seen.append(head)
        seen.append(peer.until(lambda f: f.type == raw.SETTINGS and not f.flags & raw.ACK)[-1].payload)
        peer.answer(1, b"upgraded")
        peer.end()

    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    for pieces in [1, 7, 1 << 16]:
        seen.clear()
        with Switching(early + SWITCH.replace(b"h2c", b"foo, H2C") + raw.frame(raw.SETTINGS), act, pieces) as server:
            equal(get(place, "-H", "x-open: yes", server.url + "/a?b").stdout, "upgraded", f"pieces of {pieces}")
            lines = seen[0].decode().split("\r\n")
            equal(lines[0], "GET /a?b HTTP/1.1", "the request line")
            fields = dict(line.lower().split(": ", 1) for line in lines[1:-2])
            equal((fields["host"], fields["upgrade"], fields["x-open"]), (server.url[7:], "h2c", "yes"), "fields")
            equal({item.strip() for item in fields["connection"].split(",")}, {"upgrade", "http2-settings"}, "Connection")
            text = next(line for line in lines if line.startswith("http2-settings")).split(": ")[1]
            check("=" not in text, "padding in HTTP2-Settings:", text)
            equal(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), seen[1], "HTTP2-Settings, and SETTINGS")


@test
def get_upgrades_again_after_a_goaway(place):
    second = threading.Event()

    def act(peer, head):
        if not second.is_set():
            second.set()
            peer.goaway(last=0)
        else:
            peer.answer(1, b"at last")
        peer.end()

    with Switching(SWITCH + raw.frame(raw.SETTINGS), act) as server:
        equal(get(place, server.url).stdout, "at last", "the content")
        equal(len(server.heads), 2, "upgrades")


@test
def get_names_what_is_no_upgrade(place):
    for octets, code, mentions in [
        (b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n", ALPN, "426"),
        (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", ALPN, "101"),
        (raw.frame(raw.SETTINGS), PROTOCOL, "not HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, PROTOCOL, "not HTTP/1.1"),
        (b"HTTP/1.1 101 Switch", PROTOCOL, "without an answer"),
        (SWITCH + b"HTTP/1.1 400 Bad Request\r\n\r\n", PROTOCOL, "HTTP/1"),
    ]:
        with Switching(octets) as server:
            said = get(place, server.url, code=code)
            check(mentions in said.stderr, octets[:40], "gives", said.stderr)
            equal(len(said.stderr.splitlines()), 1, f"lines of the error {said.stderr!r}")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = get(place, "--timeout", 1, f"http://127.0.0.1:{silent.getsockname()[1]}", code=PROTOCOL)
        check("in time" in said.stderr, "silence gives", said.stderr)


@test
def get_upgrades_with_nghttpx(place):
    port, backend = free_port(), place.server.address("http:")
    command = [need("nghttpx"), "--conf=/dev/null", f"-f127.0.0.1,{port};no-tls", f"-b{backend[0]},{backend[1]};;proto=h2",
               "--workers=1", "--errorlog-file=/dev/null"]
    with Foreign(command, port) as server:
        url = f"http://{server.urls[0]}"
        equal(len(get(place, url + "/bytes/300000").stdout), 300_000, "bytes")
        equal(get(place, "--repeat", 100, url + "/bytes/5").stdout, "abcde" * 100, "100 fetches")


@test
def others_upgrade_with_serve(place):
    with place.serve("--http", 0, "--h2c-upgrade") as server:
        url = server.url() + "/bytes/20000"
        said = run([need("nghttp"), "-nvu", url]).stdout
        check("101 Switching Protocols" in said and ":status: 200" in said, "nghttp:", said[-300:])
        said = run([need("curl"), "-q", "-sS", "--http2", "-w", "%{http_version} %{size_download}", "-o", "/dev/null", url])
        equal(said.stdout, "2 20000", "curl")
