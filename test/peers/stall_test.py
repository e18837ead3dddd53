"""What `h2 get -v` and `h2 serve` tell of streams that stand still: once, of whom, and without flooding the log."""
import re
import ssl
import struct
import time

import raw
from harness import check, equal, run, test

INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS = 4, 3


def settings(*entries):
    return raw.frame(raw.SETTINGS, 0, 0, b"".join(struct.pack(">HI", *entry) for entry in entries))


def stalls(text):
    """The lines about stalls, without their times."""
    found = [line for line in text.splitlines() if re.match(r"stalled |stall  ", line)]
    return [re.sub(r"has waited [0-9.]+ s", "has waited", line) for line in found]


def any_certificate():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


def counters(text):
    """What is counted, by name; a name that has two numbers has them after one another."""
    line = next((line for line in text.splitlines() if re.match(r"counters: |counts  ", line)), None)
    check(line, "no line of counters:", text[-600:])
    return {what.strip(): int(number) for what, number in re.findall(r"([a-z' ]+) (\d+)(?:,|$)", line[line.index("bytes "):])}


@test
def get_tells_of_a_window_that_never_opens(place):
    def act(peer):
        stream, = peer.requests(1)
        time.sleep(4)  # it takes no content, and has nothing to say
        peer.send(raw.frame(raw.RST_STREAM, 0, stream, struct.pack(">I", 8)))
        peer.end()

    sent = place.file("upload", 300_000)
    with raw.Play(act) as server:
        said = run([place.h2, "get", "--prior-knowledge", "-v", "-d", f"@{sent}", server.url], code=6).stderr
    equal(stalls(said), ["stalled stream 1: sending has waited for the peer: the stream's window is used up"], "stalls")
    counted = counters(said)
    equal(counted["streams opened"], 1, "streams")
    equal(counted["stalls by stream windows"], 1, "stalls by stream windows")


@test
def get_tells_once_of_each_reason(place):
    def act(peer):
        stream, = peer.requests(1)
        time.sleep(2.5)
        peer.send(raw.frame(raw.WINDOW_UPDATE, 0, stream, struct.pack(">I", 1 << 20)))
        time.sleep(2.5)
        peer.send(raw.frame(raw.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 20)))
        peer.until(lambda f: f.type == raw.DATA and f.flags & raw.END_STREAM)
        time.sleep(2.5)
        peer.answer(stream, b"late")
        peer.end()

    sent = place.file("upload", 300_000)
    with raw.Play(act) as server:
        done = run([place.h2, "get", "--prior-knowledge", "-v", "-d", f"@{sent}", server.url])
    equal(done.stdout, "late", "content")
    equal(stalls(done.stderr), [
        "stalled stream 1: sending has waited for the peer: the stream's window is used up",
        "stalled connection: sending has waited for the peer: the connection's window is used up; streams open: 1",
        "stalled stream 1: receiving has waited for the peer: the peer sends nothing"], "stalls")


@test
def get_tells_of_requests_over_the_limit(place):
    def act(peer):
        peer.send(settings((MAX_CONCURRENT_STREAMS, 1)))
        first, second = peer.requests(2)  # both before the client knew
        peer.answer(first, b"1")
        time.sleep(2.5)
        peer.answer(second, b"2")
        peer.answer(peer.requests(1)[0], b"3")
        peer.until(lambda f: f.type == raw.GOAWAY)

    with raw.Play(act) as server:
        done = run([place.h2, "get", "--prior-knowledge", "-v", "--concurrency", 2, *[server.url] * 3])
    equal(done.stdout, "123", "content")
    equal(stalls(done.stderr), [
        "stalled stream 3: receiving has waited for the peer: the peer sends nothing",
        "stalled stream 5: sending has waited for the peer: the request waits for the peer's limit of streams"], "stalls")
    equal(counters(done.stderr)["requests waited"], 1, "requests waited")


@test
def get_tells_of_a_server_that_does_not_read(place):
    def act(peer):
        peer.send(settings((INITIAL_WINDOW_SIZE, 1 << 30)) + raw.frame(raw.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 30)))
        stream, = peer.requests(1)
        time.sleep(3.5)
        peer.until(lambda f: f.type == raw.DATA and f.flags & raw.END_STREAM)
        peer.answer(stream, b"read")
        peer.end()

    sent = place.file("upload", 30_000_000)  # more than the buffers of the sockets
    with raw.Play(act) as server:
        done = run([place.h2, "get", "--prior-knowledge", "-v", "-d", f"@{sent}", server.url])
    equal(done.stdout, "read", "content")
    check("stalled connection: sending has waited for the transport: the transport has not taken the output; streams "
          "open: 1" in stalls(done.stderr), stalls(done.stderr))


@test
def get_tells_nothing_without_being_asked(place):
    def act(peer):
        stream, = peer.requests(1)
        time.sleep(2.5)
        peer.answer(stream, b"late")
        peer.end()

    with raw.Play(act) as server:
        done = run([place.h2, "get", "--prior-knowledge", server.url])
    equal((done.stdout, done.stderr), ("late", ""), "content and what is told")


@test
def serve_logs_a_client_that_opens_no_window(place):
    with place.serve("--http", 0, "--log", "all") as server:
        with raw.Raw(server.address()) as peer:
            peer.request(1, "GET", "/bytes/200000", end=True)
            peer.until(lambda f: f.type == raw.DATA)
            server.wait_for("the stream's window is used up")
            time.sleep(2.2)
        server.wait_for("close  ")
        found, = stalls(server.text())
        check(re.fullmatch(r"stall   [0-9.:]+ connection 1 stream 1 h2c sending has waited for the peer: the stream's "
                           r"window is used up", found), found)
        equal(counters(server.text())["stalls by stream windows"], 1, "stalls by stream windows")


@test
def serve_logs_a_client_that_stops_reading(place):
    open_all = settings((INITIAL_WINDOW_SIZE, 1 << 30)) + raw.frame(raw.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 30))
    for port, protocol, options in [("--http", "h2c", {}), ("--https", "h2", {"tls": any_certificate()})]:
        with place.serve(port, 0, "--log", "all") as server:
            with raw.Raw(server.address(), receive_buffer=4096, **options) as peer:
                peer.send(open_all + raw.frame(raw.SETTINGS, raw.ACK))
                for stream in (1, 3, 5):
                    peer.request(stream, "GET", "/bytes/50000000", end=True)
                # One line and one only, for as many streams as were read before the transport was full.
                server.wait_for("the transport has not taken the output; streams open: ")
                time.sleep(2.2)
                found, = stalls(server.text())
                check(f"connection 1 {protocol} sending has waited for the transport" in found, found)


@test
def serve_does_not_flood_its_log(place):
    with place.serve("--http", 0, "--log", "all") as server:
        with raw.Raw(server.address()) as peer:
            peer.send(settings((INITIAL_WINDOW_SIZE, 10)))
            for stream in range(1, 180, 2):
                peer.request(stream, "GET", "/bytes/1000", end=True)
            server.wait_for("more streams stand still")
            time.sleep(2.2)
        told = stalls(server.text())
        named = [line for line in told if " stream " in line]
        more = sum(int(n) for line in told for n in re.findall(r"(\d+) more streams", line))
        equal(len(named) + more, 90, "stalled streams")
        check(len(told) <= 20, f"{len(told)} lines about 90 streams")


@test
def serve_counts_at_the_end_of_http2_only(place):
    with place.serve("--http", 0, "--log", "all") as server:
        run(["curl", "-q", "-sS", "--http1.1", server.url() + "/bytes/10"])
        server.wait_for("close  ")
        check("counts  " not in server.text(), "HTTP/1.1 is counted as HTTP/2:", server.text())
        run([place.h2, "get", "--prior-knowledge", server.url() + "/bytes/1000"])
        server.wait_for("counts  ")
        counted = counters(server.text())
        equal((counted["streams opened"], counted["of content received"]), (1, 0), "streams, content received")
    with place.serve("--http", 0, "--log", "errors") as server:
        run([place.h2, "get", "--prior-knowledge", server.url() + "/bytes/1000"])
    equal(server.text(), "", "the log of errors")
