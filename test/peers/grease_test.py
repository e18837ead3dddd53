"""GREASE: reserved settings and frames, which everybody must ignore (RFC 9113 4.1, 6.5.2). Ours are ignored by the
programs of others, and whatever comes is ignored by ours."""
import re
import struct

import raw
from get_test import get, nghttpd, node
from harness import HERE, check, equal, need, run, test
from serve_test import WRITE_OUT, curl


def is_reserved_setting(identifier):
    return identifier & 0x0F0F == 0x0A0A and identifier >> 12 == identifier >> 4 & 15


def is_reserved_type(kind):
    return kind >= 0x0B and (kind - 0x0B) % 0x1F == 0


def identifiers(settings):
    return [identifier for identifier, _ in struct.iter_unpack(">HI", settings.payload)]


def greased(address):
    """The reserved setting and the reserved frame with which a server begins."""
    with raw.Raw(address) as peer:
        peer.request(1, "GET", "/bytes/10", end=True)
        frames = peer.until(lambda f: f.flags & raw.END_STREAM and f.type == raw.DATA)
        setting = [i for i in identifiers(frames[0]) if is_reserved_setting(i)]
        return setting, [f for f in frames if is_reserved_type(f.type)]


@test
def serve_greases_each_connection_anew(place):
    with place.serve("--http", 0, "--grease") as server:
        seen = [greased(server.address()) for _ in range(8)]
    for setting, frames in seen:
        equal((len(setting), len(frames)), (1, 1), "reserved settings and frames")
    check(len({(*setting, *frames) for setting, frames in seen}) > 1, "eight connections got the same:", seen[0])
    equal(greased(place.server.address("http:")), ([], []), "what is sent without --grease")


@test
def get_greases(place):
    def act(peer):
        frames = peer.until(lambda f: f.type == raw.HEADERS)
        equal(len([i for i in identifiers(frames[0]) if is_reserved_setting(i)]), 1, "reserved settings")
        equal(len([f for f in frames if is_reserved_type(f.type)]), 1, "reserved frames")
        peer.answer(frames[-1].stream, b"greased")
        peer.end()

    with raw.Play(act) as server:
        done = run([place.h2, "get", "--prior-knowledge", "--grease", "-v", server.url])
    equal(done.stdout, "greased", "content")
    check(re.search(r"^sent stream 0 SETTINGS .* 0x(.)a\1a=\d+", done.stderr, re.MULTILINE), "the setting:", done.stderr)
    check(re.search(r"^sent stream 0 UNKNOWN\(0x..\)", done.stderr, re.MULTILINE), "the frame:", done.stderr)


@test
def clients_of_others_tolerate_grease(place):
    ca = place.path("grease-ca.pem")
    with place.serve("--http", 0, "--https", 0, "--write-ca", ca, "--grease", listens=2) as server:
        for _ in range(4):  # with several seeds
            equal(curl("--cacert", ca, *WRITE_OUT, "-o", "/dev/null", server.url("https") + "/"), "2 200", "curl, TLS")
            equal(curl("--http2-prior-knowledge", *WRITE_OUT, "-o", "/dev/null", server.url("http:") + "/"), "2 200",
                  "curl, cleartext")
            said = run([need("nghttp"), "-nv", "-y", "-m", 5, server.url("http:") + "/bytes/30000"]).stdout
            equal(said.count(":status: 200"), 5, "responses to nghttp")
        for url in server.urls:
            run([need("node"), HERE / "node_client.mjs", url, ca])


@test
def servers_of_others_tolerate_grease(place):
    with nghttpd(place, tls=False) as server:
        for _ in range(4):
            equal(get(place, "--grease", f"http://{server.urls[0]}/").stdout, "<html>nghttpd</html>", "nghttpd")
    with nghttpd(place, tls=True) as server:
        equal(get(place, "--grease", f"https://{server.urls[0]}/").stdout, "<html>nghttpd</html>", "nghttpd, TLS")
    with node(place) as server:
        for url in server.urls * 3:
            equal(get(place, "--grease", url + "/").stdout, "GET /\n", f"Node, {url}")


@test
def ours_tolerate_grease_of_each_other(place):
    with place.serve("--http", 0, "--grease") as server:
        for _ in range(8):
            done = run([place.h2, "get", "--prior-knowledge", "--grease", "-v", server.url() + "/bytes/100000"])
            equal(len(done.stdout), 100000, "content")
            for direction in ["sent", "recv"]:
                check(re.search(rf"^{direction} stream 0 UNKNOWN\(0x..\)", done.stderr, re.MULTILINE), direction, "none")


def reserved(stream):
    """A frame of each reserved type, with flags and a payload that mean nothing."""
    return b"".join(raw.frame(0x0B + 0x1F * n, 0xFF, stream, bytes(range(n))) for n in range(8))


def reserved_settings():
    return raw.frame(raw.SETTINGS, 0, 0, b"".join(struct.pack(">HI", 0x0A0A + 0x1010 * n, 0xFFFFFFFF) for n in range(16)))


@test
def serve_tolerates_any_grease(place):
    with raw.Raw(place.server.address("http:")) as peer:
        peer.send(reserved_settings() + reserved(0))
        peer.request(1, "POST", "/echo")
        peer.send(reserved(1) + raw.frame(raw.DATA, 0, 1, b"half") + reserved(1) + reserved(0))
        peer.send(raw.frame(raw.DATA, raw.END_STREAM, 1, b"whole"))
        frames = peer.until(lambda f: f.type == raw.DATA and f.flags & raw.END_STREAM)
        equal(b"".join(f.payload for f in frames if f.type == raw.DATA), b"halfwhole", "the echo")


@test
def get_tolerates_any_grease(place):
    def act(peer):
        peer.send(reserved_settings() + reserved(0))
        stream, = peer.requests(1)
        peer.send(reserved(stream) + raw.frame(raw.HEADERS, raw.END_HEADERS, stream, raw.block((":status", "200"))))
        peer.send(reserved(stream) + raw.frame(raw.DATA, raw.END_STREAM, stream, b"among others") + reserved(0))
        peer.until(lambda f: f.type == raw.GOAWAY)

    with raw.Play(act) as server:
        equal(run([place.h2, "get", "--prior-knowledge", server.url]).stdout, "among others", "content")
