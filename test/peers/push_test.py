"""Server push (RFC 9113 8.4): what `h2 get --push` makes of a server that pushes as it likes."""
import raw
from harness import check, equal, run, test


def get(place, *arguments, **options):
    return run([place.h2, "get", "--prior-knowledge", *arguments], timeout=30, **options)


def promise(parent, stream, authority, path, method="GET"):
    fields = raw.block((":method", method), (":scheme", "http"), (":authority", authority), (":path", path))
    return raw.frame(raw.PUSH_PROMISE, raw.END_HEADERS, parent, stream.to_bytes(4, "big") + fields)


@test
def get_refuses_pushes_of_other_origins(place):
    reset = []

    def pushes(peer):
        peer.requests(1)
        ours = server.url.removeprefix("http://")
        for stream, authority in [(2, "elsewhere.example"), (4, "127.0.0.1:1"), (6, ours)]:
            peer.send(promise(1, stream, authority, "/x"))
        peer.answer(6, b"pushed")
        peer.answer(1, b"asked for")
        for found in peer.frames():
            if found.type == raw.RST_STREAM:
                reset.append((found.stream, int.from_bytes(found.payload, "big")))

    with raw.Play(pushes) as server:
        said = get(place, "--push", server.url)
        equal(said.stdout, "asked for", "the content")
        lines = said.stderr.strip().splitlines()
        equal(sorted(lines), sorted([f"pushed {server.url}/x: status 200, 6 bytes"] + [
            f"refused the push of http://{other}/x, which is of another origin"
            for other in ["elsewhere.example", "127.0.0.1:1"]]), "what is told")
    equal(reset, [(2, 7), (4, 7)], "refused streams and their codes")


@test
def get_waits_for_what_was_promised(place):
    def pushes(peer):
        peer.requests(1)
        peer.send(promise(1, 2, server.url.removeprefix("http://"), "/late"))
        peer.answer(1, b"early")
        peer.send(raw.frame(raw.PING, 0, 0, bytes(8)))
        peer.until(lambda f: f.type == raw.PING and f.flags & raw.ACK)  # the answer was read before this
        peer.answer(2, b"late " * 1000)
        peer.end()

    with raw.Play(pushes) as server:
        said = get(place, "--push", "-i", server.url)
        equal(said.stdout, "early", "the content")
        check(f"pushed {server.url}/late: status 200, 5000 bytes" in said.stderr, "what is told:", said.stderr)
        check(f"promised GET {server.url}/late stream 2" in said.stderr, "the promise is not shown:", said.stderr)


@test
def get_names_a_push_that_is_cut_short(place):
    def pushes(peer):
        peer.requests(1)
        peer.send(promise(1, 2, server.url.removeprefix("http://"), "/half"))
        peer.send(raw.frame(raw.HEADERS, raw.END_HEADERS, 2, raw.block((":status", "200"))))
        peer.send(raw.frame(raw.DATA, 0, 2, b"half"))
        peer.send(raw.frame(raw.RST_STREAM, 0, 2, (8).to_bytes(4, "big")))
        peer.answer(1, b"whole")
        peer.end()

    with raw.Play(pushes) as server:
        said = get(place, "--push", server.url)
        equal(said.stdout, "whole", "the content")
        equal(said.stderr.strip(), f"pushed {server.url}/half: status 200, 4 bytes, cut short: CANCEL", "what is told")


@test
def get_without_push_takes_a_promise_for_an_error(place):
    def pushes(peer):
        settings = peer.until(lambda f: f.type == raw.SETTINGS and not f.flags & raw.ACK)[-1].payload
        check(b"\0\x02\0\0\0\0" in settings, "ENABLE_PUSH=0 was not announced")
        peer.until(lambda f: f.type == raw.SETTINGS and f.flags & raw.ACK)
        peer.send(promise(1, 2, server.url.removeprefix("http://"), "/x"))
        peer.end()

    with raw.Play(pushes) as server:
        said = get(place, server.url, code=6)
        check("PROTOCOL_ERROR" in said.stderr, "the error:", said.stderr)
