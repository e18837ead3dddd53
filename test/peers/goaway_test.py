"""`h2 get` and a server's GOAWAY: what is safe to repeat is asked again on another connection, the rest is named."""
import threading

import raw
from harness import check, equal, run, test


def get(place, *arguments, **options):
    return run([place.h2, "get", "--prior-knowledge", *arguments], timeout=30, **options)


@test
def get_asks_again_after_a_goaway(place):
    second = threading.Event()

    def goes_away(peer):
        equal(peer.requests(5), [1, 3, 5, 7, 9], "streams of the first connection")
        peer.goaway(last=3)
        check(second.wait(10), "no second connection while the first still has work")
        peer.answer(1, b"one ")
        peer.answer(3, b"two ")
        peer.end()

    def answers(peer):
        second.set()
        for stream, text in zip(peer.requests(3), [b"three ", b"four ", b"five"]):
            peer.answer(stream, text)
        peer.end()

    with raw.Play(goes_away, answers) as server:
        said = get(place, "--summary", *[f"{server.url}/{n}" for n in range(5)])
        equal(said.stdout, "one two three four five", "what came, in the order of the URLs")
        check("2 connections, 8 streams" in said.stderr, "the summary:", said.stderr)
        equal(server.connections, 2, "connections")


@test
def get_sends_an_upload_again_from_its_start(place):
    file = place.file("upload", 50_000)
    content = []

    def goes_away(peer):
        peer.until(lambda f: f.type == raw.DATA)
        peer.goaway(last=0)
        peer.end()

    def takes_it(peer):
        frames = peer.until(lambda f: f.type == raw.DATA and f.flags & raw.END_STREAM)
        content.append(b"".join(f.payload for f in frames if f.type == raw.DATA))
        peer.answer(1, b"thanks")
        peer.end()

    with raw.Play(goes_away, takes_it) as server:
        equal(get(place, "-d", f"@{file}", server.url).stdout, "thanks", "the answer")
    check(content[0] == file.read_bytes(), "the second upload differs from the file")


@test
def get_names_what_is_not_safe_to_repeat(place):
    def goes_away(peer):
        peer.requests(2)
        peer.goaway(last=1)
        peer.end()

    def answers(peer):
        equal(peer.requests(1), [1], "streams of the second connection")
        peer.answer(1, b"second")
        peer.end()

    with raw.Play(goes_away, answers) as server:
        said = get(place, server.url + "/first", server.url + "/second", code=6)
        equal(said.stdout, "second", "what came")
        lines = said.stderr.strip().splitlines()
        equal(len(lines), 1, f"lines of the error {said.stderr!r}")
        check("/first" in lines[0] and "maybe processed" in lines[0], "the request and its verdict:", lines[0])


@test
def get_fetches_on_as_many_connections_as_it_takes(place):
    def answers_three(peer):
        for stream in peer.requests(3):
            peer.answer(stream, b"x")
        peer.goaway(last=5)
        peer.end()

    with raw.Play(answers_three) as server:
        equal(get(place, "--repeat", 30, "--concurrency", 3, server.url).stdout, "x" * 30, "what came")
        check(server.connections >= 10, server.connections, "connections")


@test
def get_gives_up_on_a_server_that_only_says_goaway(place):
    def goes_away(peer):
        peer.requests(1)
        peer.goaway(last=0)
        peer.end()

    with raw.Play(goes_away) as server:
        said = get(place, server.url + "/never", code=6)
        equal(server.connections, 3, "connections")
        check("3 connections in a row" in said.stderr, "the reason:", said.stderr)
        check("/never: no answer (not processed)" in said.stderr, "the request and its verdict:", said.stderr)


@test
def get_gives_up_on_a_request_that_is_always_refused(place):
    streams = []

    def refuses(peer):
        for found in peer.frames():
            if found.type == raw.HEADERS:
                streams.append(found.stream)
                peer.send(raw.frame(raw.RST_STREAM, 0, found.stream, (7).to_bytes(4, "big")))

    with raw.Play(refuses) as server:
        said = get(place, server.url + "/no", code=6)
        check("/no" in said.stderr and "not processed" in said.stderr, "the request and its verdict:", said.stderr)
    equal(len(streams), 9, "attempts")


@test
def get_asks_no_more_of_a_server_that_finds_fault(place):
    def finds_fault(peer):
        peer.requests(2)
        peer.goaway(last=0, code=11)
        peer.end()

    with raw.Play(finds_fault) as server:
        said = get(place, server.url, server.url, code=6)
        check("ENHANCE_YOUR_CALM" in said.stderr, "the code:", said.stderr)
        equal(server.connections, 1, "connections")
