"""Server push (RFC 9113 8.4) and early hints (RFC 8297): what `h2 get --push` makes of a server that pushes as it likes,
and what clients of others get from `h2 serve`."""
import json

import raw
from harness import HERE, check, equal, need, run, test


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


def page_in_node(place, url, *arguments):
    return json.loads(run([need("node"), HERE / "node_page.mjs", url, place.path("page-ca.pem"), *arguments]).stdout)


def serve(place, *arguments):
    return place.serve("--http", 0, "--https", 0, "--write-ca", place.path("page-ca.pem"), *arguments, listens=2)


LINK = "</style.css>; rel=preload; as=style"


@test
def serve_pushes_its_style_sheet(place):
    with serve(place, "--push") as server:
        for url in server.urls:
            said = run([need("nghttp"), "-nv", url + "/"]).stdout
            check("PUSH_PROMISE" in said and ":path: /style.css" in said, url, "nghttp got no promise:", said)
            equal(said.count(":status: 200"), 2, f"{url}: responses that nghttp got")
            check("PUSH_PROMISE" not in run([need("nghttp"), "-nv", "--no-push", url + "/"]).stdout, url,
                  "it is pushed to who said ENABLE_PUSH=0")
            seen = page_in_node(place, url + "/")
            equal([(p["path"], p["status"], p["type"]) for p in seen["pushed"]],
                  [("/style.css", 200, "text/css; charset=utf-8")], f"{url}: what Node was pushed")
            equal(seen["order"], ["push", "response"], f"{url}: the order in Node")
            equal(page_in_node(place, url + "/", "no-push")["pushed"], [], f"{url}: pushes that Node did not want")
            style = get(place, "--cacert", place.path("page-ca.pem"), url + "/style.css").stdout
            equal(seen["pushed"][0]["content"], style, f"{url}: the pushed style sheet")
            said = get(place, "--push", "--cacert", place.path("page-ca.pem"), url + "/")
            equal(said.stderr, f"pushed {url}/style.css: status 200, {len(style)} bytes\n", "what h2 get tells")
            equal(said.stdout, seen["content"], "what h2 get got")
        server.stop()
        check("PUSH /style.css 200" in server.text(), "no line in the log:", server.text())


@test
def serve_sends_early_hints(place):
    with serve(place, "--early-hints") as server:
        for url in server.urls:
            seen = page_in_node(place, url + "/")
            equal(seen["early"], [{"status": 103, "link": LINK}], f"{url}: what Node got early")
            equal((seen["order"], seen["status"]), (["early", "response"], 200), f"{url}: the order in Node")
            equal(page_in_node(place, url + "/bytes/3")["early"], [], f"{url}: hints for what has no style sheet")
            for flag, shown in [("-i", "103 stream 1"), ("-v", ":status: 103")]:
                said = get(place, flag, "--cacert", place.path("page-ca.pem"), url + "/")
                check(shown in said.stderr and LINK in said.stderr, url, flag, "does not show it:", said.stderr)
                equal(said.stdout, seen["content"], f"{url}: the page behind the 103")
            how = ["--cacert", place.path("page-ca.pem")] if "https" in url else ["--http2-prior-knowledge"]
            said = run([need("curl"), "-q", "-sS", *how, "-w", "%{http_version} %{http_code}", url + "/"]).stdout
            equal(said, seen["content"] + "2 200", f"{url}: curl")
            said = run([need("nghttp"), "-nv", url + "/"]).stdout
            check(":status: 103" in said and ":status: 200" in said, url, "nghttp:", said)


@test
def serve_neither_hints_nor_pushes_unasked(place):
    seen = page_in_node(place, place.server.url("http:") + "/")
    equal(seen["order"], ["response"], "what Node got")
