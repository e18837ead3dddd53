"""Clients that mean harm against `h2 serve`, each family of attacks for a moment, while an honest client is served.

Each attack comes over four connections at once, which are opened again when the server cuts them. Afterwards the server
must have answered the honest client each time, hold no more memory than is stated here, and end in order.

    run.py --h2 PROGRAM --attack-seconds 10 --figures attack       each for ten seconds, and what was measured
"""
import itertools
import pathlib
import resource
import select
import socket
import ssl
import struct
import threading
import time

from harness import check, run, test
from raw import ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, PRIORITY, RST_STREAM
from raw import SETTINGS, WINDOW_UPDATE, block, frame

PADDED, PRIORITY_UPDATE, MAX_WINDOW = 8, 16, (1 << 31) - 1
MEGABYTE = 1 << 20

# What the server may hold at the most, in megabytes: itself (a few), and four connections at their worst. It is not
# checked under a sanitizer, whose own memory is larger.
MOST_MEGABYTES = 32
ANSWER_SECONDS = 10  # an honest request, on a machine that is busy with the attack and sanitizers as well


def window_update(stream, size):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size))


def settings(*entries):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *entry) for entry in entries))


GET = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/bytes/1000000")]
POST = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/echo")]
GREETING = PREFACE + settings() + frame(SETTINGS, ACK)
SHUT, WIDE = settings((4, 0)), settings((4, MAX_WINDOW)) + window_update(0, MAX_WINDOW - 65535)
STREAMS = range(1, 1 << 31, 2)

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # one for all, which trusts anybody
TLS.check_hostname, TLS.verify_mode = False, ssl.CERT_NONE
TLS.set_alpn_protocols(["h2"])


def get(stream, *more):
    return frame(HEADERS, END_HEADERS | END_STREAM, stream, block(*GET, *more))


def post(stream, *more):
    return frame(HEADERS, END_HEADERS, stream, block(*POST, *more))


def again(octets):
    """The same, in pieces worth a system call, without end."""
    return itertools.repeat(octets * (16384 // len(octets) + 1))


def each(make, streams=STREAMS, together=50):
    """`make(stream)` for one stream after the other."""
    streams = iter(streams)
    while some := list(itertools.islice(streams, together)):
        yield b"".join(make(stream) for stream in some)


def then(*parts):
    """Octets that are sent once, and an endless rest."""
    return itertools.chain(parts[:-1], parts[-1])


def integer(value, bits, first):
    """RFC 7541 5.1."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    octets, value = [first | most], value - most
    while value >= 128:
        octets.append(value % 128 | 128)
        value //= 128
    return bytes(octets + [value])


def indexed_literal(name, value):
    return b"\x40" + integer(len(name), 7, 0) + name + integer(len(value), 7, 0) + value


def bomb(field, references):
    """A field that is put into the table by one request, and by each later one named over and over by one octet."""
    blow = frame(HEADERS, END_HEADERS | END_STREAM, 3, block(*GET) + b"\xbe" * references)[9:]
    fill = frame(HEADERS, END_HEADERS | END_STREAM, 1, block(*GET) + indexed_literal(*field))
    return then(SHUT, fill, each(lambda s: frame(HEADERS, END_HEADERS | END_STREAM, s, blow), STREAMS[1:], 4))


def one_octet_content(stream):
    return frame(DATA, PADDED, stream, b"\xff" + b"x" + bytes(255))


def overlong_content(stream):
    return post(stream, ("content-length", "1")) + frame(DATA, 0, stream, b"xx")


def dribble():
    ask = b"".join(get(stream) for stream in STREAMS[:100])
    drops = b"".join(window_update(stream, 1) for stream in STREAMS[:100]) + window_update(0, 100)
    return then(SHUT, ask, itertools.repeat(drops))


# Everything that a connection says after its greeting, by the name of the attack.
ATTACKS = {
    "ping flood": lambda: again(frame(PING, 0, 0, bytes(8))),
    "settings flood": lambda: again(settings()),
    "settings flood, full frames": lambda: again(settings(*[(4, 65535)] * 64)),
    "rapid reset": lambda: each(lambda s: get(s) + frame(RST_STREAM, 0, s, struct.pack(">I", 8))),
    "reset by a window update of zero": lambda: each(lambda s: get(s) + window_update(s, 0)),
    "reset by a window that overflows": lambda: each(lambda s: get(s) + window_update(s, MAX_WINDOW)),
    "reset by too much content": lambda: each(overlong_content),
    "reset by content behind the end": lambda: each(lambda s: get(s) + frame(DATA, 0, s, b"x")),
    "reset by a wrong PRIORITY": lambda: each(lambda s: get(s) + frame(PRIORITY, 0, s, bytes(4))),
    "reset by a stream that depends on itself": lambda: each(
        lambda s: get(s) + frame(PRIORITY, 0, s, struct.pack(">IB", s, 1))),
    "reset by a broken request": lambda: each(lambda s: frame(HEADERS, END_HEADERS | END_STREAM, s, b"\x82")),
    "requests over the limit": lambda: then(SHUT, each(get)),
    "continuation flood": lambda: then(frame(HEADERS, 0, 1, block(*GET)),
                                       again(frame(CONTINUATION, 0, 1, block(("a", "b" * 100)) * 150))),
    "continuation flood, empty": lambda: then(frame(HEADERS, 0, 1, block(*GET)), again(frame(CONTINUATION, 0, 1))),
    "empty frames": lambda: then(post(1), again(frame(DATA, 0, 1))),
    "empty frames, padded": lambda: then(post(1), again(frame(DATA, PADDED, 1, b"\xff" + bytes(255)))),
    "content by the octet": lambda: then(post(1), again(one_octet_content(1) + window_update(1, 1) + window_update(0, 1))),
    "hpack bomb": lambda: bomb((b"a", b"b" * 4000), 16000),
    "hpack bomb of cookie crumbs": lambda: bomb((b"cookie", b"b"), 16000),
    "large requests that wait for a window": lambda: then(SHUT, each(lambda s: get(s, *[("x", "y" * 120)] * 100))),
    "data dribble": dribble,
    "window hold": lambda: then(SHUT, b"".join(map(get, STREAMS[:100])), itertools.repeat(None)),
    "priority churn": lambda: again(b"".join(frame(PRIORITY, 0, s, struct.pack(">IB", s - 2, 255)) for s in STREAMS[1:200])),
    "priority update churn": lambda: again(
        b"".join(frame(PRIORITY_UPDATE, 0, 0, struct.pack(">I", s) + b"u=%d" % (s % 8)) for s in STREAMS[:200])),
    "headers of length zero": lambda: each(
        lambda s: frame(HEADERS, END_HEADERS | END_STREAM, s, block(*GET, *[("", "")] * 1000))),
    "unknown frames": lambda: again(frame(200, 0, 0)),
}
UNREAD = {
    "ping flood": ATTACKS["ping flood"],
    "settings flood": ATTACKS["settings flood"],
    "large responses": lambda: then(WIDE, b"".join(map(get, STREAMS[:100])), itertools.repeat(None)),
    "rapid reset": ATTACKS["rapid reset"],
}


def connect(address, receive_buffer=None, greeting=GREETING):
    peer = socket.socket()
    peer.settimeout(10)
    if receive_buffer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    peer.connect(address)
    peer.sendall(greeting)
    return peer


class Attackers:
    """So many connections that do the same until `until`, each opened again when it is cut."""

    def __init__(self, address, attack, until, reads, count=4):
        self.connections = self.octets = 0
        self._until, self._reads = until, reads
        self._threads = [threading.Thread(target=self._run, args=(address, attack), daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def join(self):
        for thread in self._threads:
            thread.join(30)

    def _run(self, address, attack):
        while time.monotonic() < self._until:
            try:
                with connect(address, None if self._reads else 4096) as peer:
                    self.connections += 1
                    self._flood(peer, attack())
            except OSError:
                pass

    def _flood(self, peer, pieces):
        peer.setblocking(False)
        waiting = memoryview(b"")
        for piece in pieces:
            waiting = memoryview(piece or b"")
            while (waiting or piece is None) and time.monotonic() < self._until:
                can_read, can_write, _ = select.select([peer] if self._reads else [], [peer] if waiting else [], [], 0.05)
                if can_read and not peer.recv(65536):
                    return
                if can_write:
                    sent = peer.send(waiting)
                    self.octets += sent
                    waiting = waiting[sent:]
            if time.monotonic() >= self._until:
                return


def memory(server):
    """What the server holds now and has held at the most, in megabytes."""
    lines = pathlib.Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Vm")}
    return kilobytes["VmRSS"] / 1024, kilobytes["VmHWM"] / 1024


def check_memory(place, server, most):
    held, peak = memory(server)
    if not place.sanitized:
        check(peak <= most, f"the server held {peak:.0f} MB; at most {most} should be")
    return held, peak


def ask(place, server, scheme="http:"):
    """An honest request; how long it took."""
    start = time.monotonic()
    trust = ["-k"] if scheme == "https:" else ["--prior-knowledge"]
    done = run([place.h2, "get", *trust, server.url(scheme) + "/bytes/1000"], timeout=60)
    took = time.monotonic() - start
    check(len(done.stdout) == 1000, f"an honest client got {len(done.stdout)} bytes of 1000")
    check(took < ANSWER_SECONDS, f"an honest client waited {took:.1f} s")
    return took


def endure(place, name, attack, reads=True):
    with place.serve("--http", 0, "--log", "errors") as server:
        until = time.monotonic() + place.attack_seconds
        attackers = Attackers(server.address(), attack, until, reads)
        took = [ask(place, server)]
        while time.monotonic() < until:
            took.append(ask(place, server))
        attackers.join()
        took.append(ask(place, server))
        check(attackers.connections >= 4, "the attack did not begin")
        held, peak = check_memory(place, server, MOST_MEGABYTES)
        place.figure(f"{name}{'' if reads else ', answers unread'}: {attackers.octets / MEGABYTE:.1f} MB over "
                     f"{attackers.connections} connections; {len(took)} honest answers, slowest {max(took):.2f} s; "
                     f"server {held:.0f} MB, at most {peak:.0f} MB")


def register(name, attack, reads):
    def attacked(place):
        endure(place, name, attack, reads)

    attacked.__name__ = f"attack_{name.replace(',', '').replace(' ', '_')}{'' if reads else '_unread'}"
    test(attacked)


for title, play in ATTACKS.items():
    register(title, play, True)
for title, play in UNREAD.items():
    register(title, play, False)


def allow_descriptors(count):
    """As many connections of ours as the system lets us have, at most `count`."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = count + 200 if hard == resource.RLIM_INFINITY else min(count + 200, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most - 200 < count:
        print(f"note: {most - 200} connections instead of {count}, for the system allows no more descriptors")
    return max(most - 200, 1)


class Crowd:
    """Connections that are open at once, and what they make the server hold."""

    def __init__(self, place, server, count, open_one):
        self.place, self.server, self.before = place, server, memory(server)[0]
        self.peers = [open_one() for _ in range(allow_descriptors(count))]

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for peer in self.peers:
            peer.close()

    def settle(self, name, kilobytes_each, scheme="http:"):
        """Waits until nothing grows, and then judges."""
        before = -1.0
        while abs(memory(self.server)[0] - before) > 0.2:
            before = memory(self.server)[0]
            time.sleep(0.5)
        took = ask(self.place, self.server, scheme)
        each_kb = (memory(self.server)[0] - self.before) * 1024 / len(self.peers)
        self.place.figure(f"{name}: {len(self.peers)} connections, {each_kb:.1f} KB each, server "
                          f"{memory(self.server)[0]:.0f} MB; an honest answer in {took:.2f} s")
        if not self.place.sanitized:
            check(each_kb <= kilobytes_each, f"{each_kb:.1f} KB for each connection; at most {kilobytes_each} should be")




def over_tls(address, greeting):
    peer = TLS.wrap_socket(connect(address, greeting=b""))
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # not before: the handshake would wait for it
    peer.sendall(greeting)
    return peer


ASK_FOR_MUCH = GREETING + WIDE + frame(HEADERS, END_HEADERS | END_STREAM, 1, block(*GET[:3], (":path", "/bytes/1000000000")))
UNWATCHED = ["--idle-seconds", 0, "--output-seconds", 0, "--keepalive-seconds", 0, "--log", "none"]


@test
def attack_5000_idle_connections(place):
    with place.serve("--http", 0, *UNWATCHED) as server:
        with Crowd(place, server, 5000, lambda: connect(server.address())) as crowd:
            crowd.settle("idle", 16)


@test
def attack_2000_connections_that_never_read(place):
    with place.serve("--http", 0, *UNWATCHED) as server:
        with Crowd(place, server, 2000, lambda: connect(server.address(), 4096, ASK_FOR_MUCH)) as crowd:
            crowd.settle("never reading", 32)


@test
def attack_idle_connections_over_tls(place):
    with place.serve("--https", 0, *UNWATCHED) as server:
        count = 5000 if place.attack_seconds >= 10 else 500  # a handshake costs a millisecond or two at either end
        with Crowd(place, server, count, lambda: over_tls(server.address(), GREETING)) as crowd:
            crowd.settle("idle over TLS", 128, "https:")


@test
def attack_connections_over_tls_that_never_read(place):
    with place.serve("--https", 0, *UNWATCHED) as server:
        count = 2000 if place.attack_seconds >= 10 else 100
        with Crowd(place, server, count, lambda: over_tls(server.address(), ASK_FOR_MUCH)) as crowd:
            crowd.settle("never reading over TLS", 256, "https:")


@test
def attack_files_on_all_streams_unread(place):
    """A hundred responses of one connection must not hold a hundred blocks of 64 KB."""
    root = place.path("files")
    root.mkdir(exist_ok=True)
    (root / "large").write_bytes(bytes(2_000_000))
    fields = block(*GET[:3], (":path", "/large"))
    asks = WIDE + b"".join(frame(HEADERS, END_HEADERS | END_STREAM, s, fields) for s in STREAMS[:100])
    with place.serve("--http", 0, "--root", root, *UNWATCHED) as server:
        with Crowd(place, server, 50, lambda: connect(server.address(), 4096, GREETING + asks)) as crowd:
            crowd.settle("a hundred files each, unread", 1024)


@test
def attack_slow_header_blocks(place):
    """Slowloris: block after block that is begun, and goes on by an octet now and then, is cut by its deadline."""
    with place.serve("--http", 0, "--header-seconds", 1, "--log", "none") as server:
        begin = GREETING + frame(HEADERS, 0, 1, block(*GET))
        peers = [connect(server.address(), greeting=begin) for _ in range(100)]
        peers += [connect(server.address(), greeting=b"GET / HTTP/1.1\r\n") for _ in range(100)]
        end, left = time.monotonic() + 10, set(peers)
        while left and time.monotonic() < end:
            for peer in list(left):
                try:
                    peer.send(frame(CONTINUATION, 0, 1, b"\0\1a\1b") if peers.index(peer) < 100 else b"a: b\r\n")
                except OSError:
                    left.discard(peer)
            ask(place, server)
            time.sleep(0.2)
        for peer in peers:
            peer.close()
        check(not left, f"{len(left)} of {len(peers)} connections were never cut")
        check_memory(place, server, MOST_MEGABYTES)


@test
def attack_http1_clients_that_never_read(place):
    """The socket has a deadline also where HTTP/2 is not spoken."""
    with place.serve("--http", 0, "--output-seconds", 1) as server:
        asks = b"GET /bytes/1000000000 HTTP/1.1\r\nHost: a\r\n\r\n"
        peers = [connect(server.address(), 4096, asks) for _ in range(20)]
        descriptors = pathlib.Path(f"/proc/{server.process.pid}/fd")
        server.wait_for("connection 20 ")
        end = time.monotonic() + 10
        while sum(1 for _ in descriptors.iterdir()) >= 20:
            check(time.monotonic() < end, "connections that take nothing are kept")
            time.sleep(0.2)
        for peer in peers:
            peer.close()


@test
def attack_tls_handshakes_that_stop(place):
    with place.serve("--https", 0, "--handshake-seconds", 1, "--log", "none") as server:
        peers = [connect(server.address(), greeting=begin) for begin in (b"", b"\x16\x03\x01") for _ in range(50)]
        for peer in peers:
            peer.settimeout(10)
            while peer.recv(100):  # an alert may come; a time-out fails the test
                pass
            peer.close()
        ask(place, server, "https:")
