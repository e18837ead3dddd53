#!/usr/bin/python3
"""Writes fuzz/corpus/: small inputs, each a story that a fuzzer would take long to find. Run it after changing what the
octets of an input mean (driver.cpp, endpoint.cpp, endpoints.cpp, hpack_decoder.cpp, hpack_round_trip.cpp,
nghttp2_*.cpp, request_validity.cpp, cuts.cpp, priority.cpp, tls_records.cpp). With `--merge` and the folder of a built
fuzz/ it then keeps what FOLDER found beside them, as far as that reaches further, 300 inputs in all:
make_seeds.py --merge BUILD FOLDER."""
import hashlib
import pathlib
import struct
import subprocess
import sys
import tempfile

CORPUS = pathlib.Path(__file__).parent / "corpus"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION, ALTSVC, ORIGIN, PRIORITY_UPDATE = [*range(11), 12, 16]
END, ACK, END_HEADERS, PADDED = 1, 1, 4, 8


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value, first=0x00):
    name, value = name.encode(), value.encode()
    return bytes([first, len(name)]) + name + bytes([len(value)]) + value


def settings(*entries):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *entry) for entry in entries))


GET = b"\x82\x87\x84" + literal(":authority", "example.com")
INDEXED_GET = b"\x82\x87\x84" + literal(":authority", "example.com", 0x40)
POST = b"\x83\x87\x84" + literal(":authority", "example.com")
LONG_POST = POST + literal("content-length", "10")
CONNECT = literal(":method", "CONNECT") + literal(":authority", "example.com:443")
WEBSOCKET = literal(":method", "CONNECT") + literal(":protocol", "websocket") + b"\x87\x84" + literal(
    ":authority", "example.com")
OK, NO_CONTENT, EARLY = b"\x88", b"\x89", literal(":status", "103")
TRAILER = literal("x-sum", "1")
CRUMBS = literal("cookie", "a=b") + literal("x", "y") + literal("cookie", "c=d", 0x10)
LARGE = literal("x-large", "l" * 120) * 2


def origin(text):
    return struct.pack(">H", len(text)) + text


def reprioritize(stream, value):
    return frame(PRIORITY_UPDATE, 0, 0, struct.pack(">I", stream) + value)


def headers(stream, block, flags=END):
    return frame(HEADERS, flags | END_HEADERS, stream, block)


# What crosses the wire, by the side that receives it. Each entry is one feed.
SERVER = {
    "get": [headers(1, GET)],
    "two_gets": [headers(1, INDEXED_GET), headers(3, b"\x82\x87\x84\xbe")],
    "post": [headers(1, POST, 0), frame(DATA, 0, 1, b"hello "), frame(DATA, END, 1, b"world")],
    "post_length": [headers(1, LONG_POST, 0), frame(DATA, END, 1, b"0123456789")],
    "post_padded": [headers(1, POST, 0), frame(DATA, PADDED | END, 1, b"\x03abc\0\0\0")],
    "post_trailers": [headers(1, POST, 0), frame(DATA, 0, 1, b"abc"), headers(1, TRAILER)],
    "continuation": [frame(HEADERS, END, 1, GET[:2]), frame(CONTINUATION, 0, 1, GET[2:5]),
                     frame(CONTINUATION, END_HEADERS, 1, GET[5:])],
    "reset": [headers(1, POST, 0), frame(RST, 0, 1, b"\0\0\0\x08"), frame(DATA, 0, 1, b"late")],
    "window": [settings((4, 0)), headers(1, GET), frame(WINDOW, 0, 1, b"\0\0\0\x05"), frame(WINDOW, 0, 0, b"\0\0\1\0"),
               settings((4, 100)), frame(WINDOW, 0, 1, b"\0\0\xff\xff")],
    "ping": [frame(PING, 0, 0, b"12345678"), frame(SETTINGS, ACK, 0)],
    "goaway": [headers(1, GET), frame(GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\0bye")],
    "priority": [frame(PRIORITY, 0, 3, b"\0\0\0\0\x10"), frame(PRIORITY_UPDATE, 0, 0, b"\0\0\0\1u=1"), headers(1, GET)],
    "tunnel": [headers(1, CONNECT, 0), frame(DATA, 0, 1, b"tls")],
    "websocket": [headers(1, WEBSOCKET, 0), frame(DATA, 0, 1, b"frame")],
    "unknown": [frame(0xbe, 0xff, 5, b"grease"), headers(1, GET)],
    "settings": [settings((1, 0), (2, 0), (3, 1), (5, 20000), (6, 1000), (0x99, 7)), frame(SETTINGS, ACK, 0)],
    "too_many": [headers(1, POST, 0), headers(3, POST, 0), headers(5, POST, 0), frame(DATA, END, 1)],
    "malformed": [headers(1, b"\x82\x87"), headers(3, GET + literal("Upper", "x")), headers(5, GET)],
    "bad_block": [headers(1, b"\xff\xff\xff\xff\xff\x0f")],
    "cookies": [headers(1, GET + CRUMBS), headers(3, GET + literal("cookie", "only"))],
    "priorities": [reprioritize(3, b"u=6, i"), headers(1, GET + literal("priority", "u=1")), headers(3, GET),
                   reprioritize(1, b"u=0"), reprioritize(3, b"u=("), reprioritize(3, b"")],
    "priorities_refused": [reprioritize(1, b"u=1"), reprioritize(3, b"i"), headers(1, b"\x82"), headers(3, b"\x82"),
                           reprioritize(5, b"i")],
    "too_large": [headers(1, GET + LARGE), headers(3, POST + LARGE, 0), frame(DATA, END, 3, b"late"), headers(5, GET)],
    "http1": [b"GET / HTTP/1.1\r\n\r\n"],
}
CLIENT = {
    "ok": [headers(1, OK)],
    "body": [headers(1, OK, 0), frame(DATA, 0, 1, b"hello "), frame(DATA, END, 1, b"world")],
    "early": [headers(1, EARLY, 0), headers(1, OK, 0), frame(DATA, PADDED, 1, b"\x02ab\0\0"), headers(1, TRAILER)],
    "no_content": [headers(1, NO_CONTENT), headers(3, OK + literal("content-length", "5"))],
    "push": [frame(PUSH, END_HEADERS, 1, b"\0\0\0\x02" + GET), headers(2, OK, 0), frame(DATA, END, 2, b"pushed"),
             headers(1, OK)],
    "push_cookies": [frame(PUSH, END_HEADERS, 1, b"\0\0\0\x02" + GET + CRUMBS), headers(2, OK)],
    "limit": [settings((3, 1)), headers(1, OK), headers(3, OK)],
    "refused": [frame(RST, 0, 1, b"\0\0\0\x07"), frame(RST, 0, 3, b"\0\0\0\0")],
    "goaway": [frame(GOAWAY, 0, 0, b"\x7f\xff\xff\xff\0\0\0\0"), frame(GOAWAY, 0, 0, b"\0\0\0\1\0\0\0\0"), headers(1, OK)],
    "window": [settings((4, 10)), frame(WINDOW, 0, 1, b"\0\0\0\x14"), frame(WINDOW, 0, 0, b"\0\0\xff\xff"),
               frame(SETTINGS, ACK, 0), headers(1, OK)],
    "ping": [frame(PING, 0, 0, b"12345678"), frame(PING, ACK, 0, b"12345678")],
    "altsvc": [frame(ALTSVC, 0, 0, origin(b"https://example.com") + b"clear"), frame(ALTSVC, 0, 1, origin(b"") + b"h2=\":1\""),
               frame(ALTSVC, 0, 0, origin(b"") + b"ignored"), headers(1, OK)],
    "origin": [frame(ORIGIN, 0, 0, origin(b"https://a.example") + origin(b"null")), frame(ORIGIN, 0, 0, b"\0\5torn")],
    "mismatch": [headers(1, OK + literal("content-length", "3"), 0), frame(DATA, END, 1, b"four")],
}

# Calls of driver.cpp, as Driver::step reads them.
POLL, TAKE = bytes([7, 0x1f]), bytes([9, 0xff, 0xff])
FLUSH = POLL + TAKE


def feed(octets):
    return bytes([0]) + struct.pack(">H", len(octets)) + octets


def frame_call(octets):
    """The same as a framed call, where the fuzzer need not keep a length right."""
    length, kind, flags, stream = octets[2], octets[3], octets[4], octets[8]
    return bytes([3, kind, flags, stream, length]) + octets[9:]


def head(how, fields=0):
    return bytes([14, how]) + (struct.pack(">H", fields))


def response(stream, how=0):
    """200 on the stream at that place of the driver's map."""
    return head(how) + bytes([stream])


def send(stream, how):
    return bytes([16, stream, how])


def copy(stream, how):
    return bytes([18, stream, how])


def seeds():
    start = feed(PREFACE + settings()) + FLUSH
    for name, feeds in SERVER.items():
        raw = b"".join(feeds)
        first = b"" if name == "http1" else PREFACE + settings()
        yield "server_bytes", name, bytes(4) + feed(first) + feed(raw) + FLUSH
        yield "cuts", "server_" + name, b"\0\5" + first + raw
        yield "cuts", "server_small_" + name, b"\x3e\3" + first + raw
        if name == "http1":
            continue
        talk = b"".join(frame_call(one) for one in feeds)
        # Answered with lent and copied content, credited, and shut down.
        yield "server_bytes", name + "_answered", bytes(4) + start + talk + response(0) + send(0, 0x88) + copy(
            0, 0x4a) + FLUSH + bytes([10, 0, 0, 200]) + FLUSH + bytes([12, 100, 24, 0]) + FLUSH
    get, post = frame_call(headers(1, GET)), frame_call(headers(1, POST, 0))
    tick = bytes([12, 30])
    for name, options, calls in [
            ("pushed", b"\0\0\0", get + head(0x80) + b"\0" + FLUSH + head(0) + b"\1" + send(1, 0x4a) + FLUSH + response(0, 1)),
            ("upgraded", b"\x20\0\0", response(0) + send(0, 0x4a) + FLUSH),
            ("between_events", b"\x40\0\0", get + bytes([7, 8]) + send(0, 0x4a) + post + head(0) + b"\1"),
            ("interim", b"\0\0\0", get + head(0x3c) + b"\0" + head(0x3c, 1) + b"\0" + response(0) + send(0, 0) + FLUSH),
            ("bare_end", b"\0\0\0", get + response(0) + send(0, 0x40) + FLUSH),
            ("bare_trailers", b"\0\0\0", get + response(0) + bytes([19, 0, 0, 1]) + FLUSH),
            ("length", b"\0\0\0", get + head(2, 0x0800) + b"\0" + send(0, 0x42) + send(0, 0x44) + FLUSH),
            ("released", b"\0\0\0", post + frame_call(frame(DATA, 0, 1, b"z" * 90)) + bytes([10, 3, 0, 0]) + FLUSH),
            ("no_room", b"\0\0\x10", get + response(0) + copy(0, 0x3f) + FLUSH + copy(0, 0x4a) + FLUSH),
            ("small_polls", b"\0\0\0", get + response(0) + send(0, 0x90) + bytes([7, 0, 8, 20, 7, 0x20, 8, 30, 7, 0x41])),
            ("traced", b"\x08\0\0", get + response(0) + send(0, 0x4a) + FLUSH),
            ("careless", b"\x10\0\0", get + head(0, 0xffff) + b"\0" + send(0, 0x4a) + FLUSH),
            ("huge", b"\0\0\0", get + head(0, 0x0080) + b"\0" + send(0, 0x01) + bytes([19, 0, 0, 0x81]) + FLUSH),
            ("automatic", b"\0\1\2", post + frame_call(frame(DATA, 0, 1, b"x" * 90)) * 3),
            ("cut_off", b"\0\0\0", post + feed(frame(DATA, END, 1, b"0123456789")[:12]) + bytes([20, 0, 8]) + feed(b"3456789")),
            ("eof", b"\0\0\0", post + get + bytes([25, 5]) + FLUSH),
            ("moved", b"\0\0\0", bytes([37]) + get + response(0) + send(0, 0x90) + POLL + bytes([37]) + TAKE),
            ("lost", b"\0\0\0", get + response(0) + send(0, 0x90) + POLL + bytes([26, 4])),
            ("slivers", b"\0\0\0", tick + frame_call(settings((4, 40))) + get + response(0) + send(0, 0x90) + FLUSH +
             (frame_call(frame(WINDOW, 0, 1, b"\0\0\0\x05")) + FLUSH + tick + FLUSH) * 2),
            ("drained", b"\0\0\0", tick + get + bytes([24, 200]) + FLUSH + bytes([28]) + FLUSH + response(0, 1) + FLUSH),
            ("pinged", b"\0\0\0", bytes([21, 9]) + FLUSH + bytes([28, 29]) + FLUSH),
            ("resettled", b"\0\0\0", post + bytes([22, 2, 3, 200, 0x83, 0, 1, 0, 0]) + FLUSH + bytes([29, 29]) +
             frame_call(frame(DATA, 0, 1, b"y" * 150)) + bytes([23, 0, 0x7f, 0xff, 0xff, 0xff])),
            ("kept_alive", b"\0\x18\0", tick + bytes([13, 30]) + FLUSH + bytes([28, 13, 40]) + FLUSH + bytes([13, 100])),
            ("unread", b"\0\x40\0", frame_call(frame(PING, 0, 0, b"12345678")) * 8 + FLUSH + get),
            ("flood", b"\0\x20\0", frame_call(frame(PING, 0, 0, b"12345678")) * 50),
            ("no_memory", b"\7\x0c\0\0", get + post),
    ]:
        yield "server_bytes", "story_" + name, options + (b"" if len(options) > 4 else b"\0") + start + calls + FLUSH
    fill = frame_call(frame(DATA, 0, 1, b"x" * 60))
    for name, options, calls in [
            ("greased", b"\0\0\0\3", get + response(0)),
            ("grown", b"\0\1\x0a\x80", tick + post + (fill + FLUSH + bytes([28, 29])) * 4),
            ("grown_by_hand", b"\0\0\x0a\x80", tick + post + (fill + bytes([10, 0, 0, 60]) + FLUSH + bytes([28, 29])) * 3 +
             bytes([23, 0, 0, 0, 3, 0]) + FLUSH),
            ("not_grown", b"\0\1\x0a\x40", tick + post + (fill + FLUSH + bytes([28, 29])) * 2),
            ("explained", b"\0\0\0\0", tick + frame_call(settings((4, 40))) + get + frame_call(headers(3, GET)) + response(0) +
             response(1) + bytes([36]) + send(0, 0x90) + send(1, 0x90) + bytes([36]) + FLUSH + bytes([36]) +
             frame_call(frame(WINDOW, 0, 1, b"\0\0\0\x05")) + bytes([36]) + FLUSH + bytes([36]) + tick + bytes([36])),
            ("turns", b"\0\0\0\x10", get + frame_call(headers(3, GET)) + bytes([31, 0, 0x05, 31, 1, 0x10, 31, 1, 9]) + response(0) +
             response(1) + send(0, 0xff) + send(1, 0xff) + FLUSH + bytes([31, 0, 0]) + FLUSH +
             frame_call(reprioritize(1, b"u=1")) + FLUSH),
            ("extensions", b"\0\2\0\1", get + bytes([33, 0xe0, 0, 33, 0, 4, 33, 0, 0x84, 34, 0xe0, 2, 34, 0xe0, 5]) +
             bytes([35, 0xe0, 0xbe, 3]) + b"abc" + bytes([35, 0, 0xef, 0, 35, 0, 6, 0]) + FLUSH),
            ("polite_reset", b"\0\0\0\0", post + response(0) + send(0, 0xca) + bytes([20, 0, 0]) + FLUSH),
            ("polite_reset_by_force", b"\0\0\0\0", frame_call(settings((4, 0))) + post + response(0) + send(0, 0xca) +
             bytes([20, 0, 0]) + FLUSH + bytes([20, 0, 8]) + FLUSH),
            ("cut_off_politely", b"\0\0\0\0", post + response(0) + send(0, 0x8a) + bytes([20, 0, 0]) + FLUSH),
            ("last_ids", b"\0\0\0\x20", get + head(0x80) + b"\0" + head(0x80) + b"\0" + head(0x80) + b"\0" + FLUSH +
             frame_call(frame(HEADERS, END | END_HEADERS, 0xff, GET))),
            ("too_large", b"\0\0\4\0", frame_call(headers(1, GET + LARGE[:130])) + frame_call(headers(3, POST + LARGE[:130], 0)) + FLUSH),
            ("crumbs", b"\0\0\0\x08", frame_call(headers(1, GET + CRUMBS))),
            ("refused_and_reprioritized", b"\0\0\1\0", b"".join(frame_call(one) for one in SERVER["priorities_refused"])),
            ("pushed_priority", b"\0\0\0\x10", get + head(0x80) + b"\0" + head(0x80, 0x4000) + b"\0" + bytes([31, 0, 2]) + FLUSH),
    ]:
        yield "server_bytes", "story_" + name, options + start + calls + FLUSH
    for name, options, calls in [
            ("upgraded", b"\x20\0\0", frame_call(headers(1, OK))),
            ("refused_push", b"\0\x80\0", frame_call(frame(PUSH, END_HEADERS, 1, b"\0\0\0\2" + POST))),
            ("no_push", b"\0\0\0", frame_call(frame(PUSH, END_HEADERS, 1, b"\0\0\0\2" + GET))),
            ("waiting", b"\0\0\x20", send(1, 0x4a) + frame_call(settings((3, 1))) + FLUSH + frame_call(headers(1, OK)) + FLUSH),
            ("websocket", b"\0\0\0", frame_call(settings((8, 1))) + head(0x30) + FLUSH + frame_call(headers(7, OK, 0)) +
             send(3, 0x45) + FLUSH),
            ("no_memory", b"\7\x10\0\0", frame_call(headers(1, OK, 0))),
    ]:
        requests = head(1) + head(0x04) + head(0x08 | 1) + FLUSH
        yield "client_bytes", "story_" + name, options + (b"" if len(options) > 4 else b"\0") + requests + frame_call(
            settings()) + calls + FLUSH
    hello = frame_call(settings())
    for name, options, calls in [
            ("greased", b"\0\0\0\3", hello + frame_call(headers(1, OK))),
            ("last_ids", b"\0\0\0\x20", hello),
            ("crumbs", b"\0\0\0\0", head(1, 0x8008) + FLUSH),
            ("whole_cookie", b"\0\0\0\x04", head(1, 0x8008) + FLUSH),
            ("reprioritized", b"\0\0\x20\0", bytes([31, 0, 1, 31, 1, 0x11, 31, 2, 8]) + FLUSH + hello + FLUSH),
            ("not_listened_to", b"\0\0\x20\0", frame_call(settings((9, 0))) + bytes([31, 0, 1, 31, 1, 0x11]) + FLUSH),
            ("window_of_a_waiting_request", b"\0\0\x20\0", bytes([23, 1, 0, 2, 0, 0]) + FLUSH + hello + FLUSH),
            ("grown", b"\0\1\x0a\x80", tick + hello + frame_call(headers(1, OK, 0)) + (fill + FLUSH + bytes([28, 29])) * 4),
            ("extensions", b"\0\0\0\0", bytes([35, 0xe0, 0xbe, 3]) + b"abc" + bytes([35, 0, 0xef, 0]) + FLUSH),
    ]:
        requests = head(1) + head(0x04) + head(0x08 | 1) + FLUSH
        yield "client_bytes", "story_" + name, options + requests + calls + FLUSH
    for name, feeds in CLIENT.items():
        raw = settings() + b"".join(feeds)
        requests = head(1) + head(0x04) + head(0x08 | 1) + FLUSH
        yield "client_bytes", name, bytes([0, 0x80, 0, 0]) + requests + feed(raw) + FLUSH
        talk = b"".join(frame_call(one) for one in feeds)
        yield "client_bytes", name + "_posted", bytes([0, 0x80, 0, 0]) + requests + frame_call(
            settings()) + send(1, 0x90) + FLUSH + talk + send(1, 0x45) + FLUSH + bytes([10, 0, 0, 200]) + FLUSH
        yield "cuts", "client_" + name, b"\1\3" + raw
        yield "cuts", "client_small_" + name, b"\x3f\3" + raw
    probe_answer = frame(PING, ACK, 0, struct.pack(">Q", 0x9e3779b97f4a7c15))  # of the first PING with seed 0
    upload = frame(DATA, 0, 1, b"x" * 40)
    yield "cuts", "server_grown", b"\x0e\7" + PREFACE + settings() + headers(1, POST, 0) + upload + probe_answer + upload * 2
    yield "cuts", "server_automatic", b"\2\7" + PREFACE + settings() + headers(1, POST, 0) + frame(DATA, 0, 1, b"x" * 9000) * 4
    yield "cuts", "client_grown", b"\x0f\7" + settings() + headers(1, OK, 0) + upload + probe_answer + upload * 2

    blocks = [GET, INDEXED_GET, b"\xbe", POST, OK, b"\x3f\xe1\x1f" + GET, b"\x20" + INDEXED_GET,
              bytes.fromhex("828684418cf1e3c2e5f23a6ba0ab90f4ff"), bytes.fromhex("828684be5886a8eb10649cbf"),
              literal("secret", "x", 0x10), b"\x7f\x80\x01", b"\x82\x20"]
    for i, block in enumerate(blocks):
        yield "hpack_decoder", f"block_{i}", b"\2" + bytes([len(block)]) + block
    yield "hpack_decoder", "all", b"\2" + b"".join(bytes([len(block)]) + block for block in blocks[:10])
    yield "hpack_decoder", "resized", b"\2" + bytes([len(INDEXED_GET)]) + INDEXED_GET + b"\xf0\0\1\x20\xf1\x20" + b"\4\x3f\xe1\x0f\x82"

    # Names and values by their place in request_validity.cpp.
    for name, section in {
            "get": [(0, 0), (1, 3), (2, 5), (3, 7)],
            "connect": [(0, 1), (2, 6)],
            "websocket": [(0, 1), (4, 15), (1, 3), (3, 7), (2, 5)],
            "options": [(0, 2), (1, 4), (3, 8), (6, 5), (7, 12)],
            "response": [(5, 10), (9, 13)],
            "no_content": [(5, 11), (9, 13)],
            "trailers": [(15, 9), (6, 5)],
    }.items():
        yield "request_validity", name, b"\1" + b"".join(bytes(pair) for pair in section)
    yield "request_validity", "own", b"\1" + bytes([0, 0, 1, 3, 3, 0x84]) + b"/abc" + bytes([0x83]) + b"x-y" + bytes([0x82]) + b"\xc3\xa4"

    yield from round_trip_seeds()
    yield from endpoint_seeds()
    yield from nghttp2_seeds(blocks)
    yield from tls_seeds()

    for name, value in {
            "usual": b"u=1, i",
            "all": b"a=(1 2.5 \"x\\\"\");p=?0, b=:YQ==:, c=*t/1, u=7;x=1,i=?0",
            "broken": b"u=1, ",
    }.items():
        yield "priority", name, b"\0" + bytes([len(value)]) + value + b"u=3"
    yield "priority", "members", b"\1\3\0" + bytes(part for i in range(24) for part in (i, i))
    for i in range(23):
        yield "priority", f"broken_{i}", bytes([1, 3, 0, 0, 1, 0xf0, i, 0, 13])


# Calls of hpack_round_trip.cpp.
ARRIVE, AGREE, TRIM = b"\xc0", b"\xe8", b"\xf0"


def announce(size):
    return bytes([0xd8, size])


def fields(*names_and_values):
    """A block of fields by their place in the target's lists."""
    return bytes([len(names_and_values) - 1]) + b"".join(bytes([0, name, value]) for name, value in names_and_values)


def round_trip_seeds():
    request, secrets = fields((0, 0), (1, 1), (8, 4), (9, 5)), fields((3, 4), (3, 5), (4, 5), (5, 5))
    again = bytes([2, 4, 12, 20])
    for name, calls in {
            "request": request + ARRIVE,
            "again": (request + again + ARRIVE) * 2,
            "secrets": secrets + ARRIVE + bytes([0, 3, 8, 5]) + ARRIVE,
            "smaller": request + ARRIVE + announce(64) + AGREE + ARRIVE + again + ARRIVE,
            "dipped": request + ARRIVE + announce(0) + announce(255) + AGREE * 2 + again + ARRIVE * 3,
            "smaller_in_flight": announce(33) + request * 3 + AGREE + again + ARRIVE * 5,
            "trimmed": request + ARRIVE + TRIM + again + ARRIVE + b"\xf8" + again,
            "long": bytes([0, 0, 0xf7, ord("a"), 0xf6, ord("~")]) * 3 + ARRIVE * 3,
    }.items():
        yield "hpack_round_trip", name, b"\2" + calls
        yield "hpack_round_trip", "small_" + name, b"\0\2" + calls
        yield "hpack_round_trip", "no_memory_" + name, b"\3\5" + calls


# Steps of endpoints.cpp: a side (0 is the server), what it does, then what that needs.
CLIENT_SIDE, SERVER_SIDE = 1, 0


def side_call(side, call, *octets):
    return bytes([side, call, *octets])


def flush(side):
    return bytes([9 << 1 | side, 12 << 1 | side])


HELLO = flush(CLIENT_SIDE) + flush(SERVER_SIDE)
SETTLE = bytes([0xfe])


def ask(how, chosen=0):
    return side_call(CLIENT_SIDE, 0, how, chosen >> 8, chosen & 255) + flush(CLIENT_SIDE)


def reply(stream, how, chosen=0):
    return side_call(SERVER_SIDE, 5, stream, how, chosen >> 8, chosen & 255)


def endpoint_seeds():
    for name, options, steps in [
            ("get", (0, 0, 0, 0), ask(4) + reply(0, 0) + side_call(0, 9, 0, 100) + flush(0)),
            ("post", (0, 0, 0, 0), ask(1) + side_call(1, 7, 0, 200) + side_call(1, 9, 0, 50) + flush(1) + reply(0, 4) + flush(0)),
            ("trailers", (0, 0, 0, 0), ask(1, 3) + side_call(1, 12, 0, 0, 0x22) + flush(1) + reply(0, 0, 4) +
             side_call(0, 12, 0, 0, 0x22) + flush(0)),
            ("huge", (0, 0, 0, 0), ask(5, 0x40) + reply(0, 0, 0x40) + flush(0)),
            ("interim", (0, 0, 0, 0), ask(4) + reply(0, 0x30, 1) * 2 + reply(0, 1) + flush(0)),
            ("slivers", (2, 0x40, 2, 0x40), ask(1) + side_call(1, 7, 0, 250) * 2 + reply(0, 0) + side_call(0, 7, 0, 250) +
             flush(1) + side_call(0, 14, 0, 0, 10) + flush(0) + SETTLE),
            ("waiting", (0x20, 0, 1, 0), ask(4) * 4 + HELLO + reply(0, 4) + flush(0) + SETTLE),
            ("pushed", (0, 0, 0, 0), ask(4) + bytes([0, 0, 0, 0, 0, 0]) * 2 + reply(1, 0) + flush(0) + SETTLE),
            ("reset", (0, 0, 0, 0), ask(1) + side_call(1, 7, 0, 200) + side_call(1, 13, 0, 0) + reply(0, 0) + side_call(0, 13, 0, 3) +
             flush(1) + flush(0)),
            ("settled", (0, 0, 0, 0), ask(1) + side_call(0, 2, 0x4c, 0) + side_call(1, 2, 0x41, 3) + flush(0) + ask(1, 0x40) + SETTLE),
            ("goaway", (0, 0, 0, 0), ask(4) * 2 + side_call(0, 4, 2) + flush(0) + ask(4) + SETTLE + reply(0, 4)),
            ("gone", (0, 0, 0, 0), ask(4) + side_call(0, 4, 1) + flush(0) + ask(4)),
            ("cut", (0, 0, 0, 0), ask(1) + side_call(1, 7, 0, 99) + bytes([7 << 1 | 1, 0x10, 8 << 1 | 1, 30, 15 << 1])),
            ("small_pieces", (0, 0, 0, 0), ask(1) + bytes([7 << 1 | 1, 0x11, 8 << 1 | 1, 9, 11 << 1 | 1, 5]) * 4),
            ("priorities", (0, 16, 0, 16), ask(4) * 2 + side_call(1, 17, 0, 1) + side_call(0, 17, 1, 9) + reply(0, 0) + reply(1, 0) +
             side_call(0, 7, 0, 99) + side_call(0, 7, 1, 99) + flush(0) + SETTLE),
            ("unread_replies", (0x80, 0, 0x80, 0), side_call(1, 3, 7) * 8 + flush(1) + side_call(0, 3, 8) + SETTLE),
            ("copied", (16, 4, 16, 8), ask(1, 0x404) + side_call(1, 10, 0, 90) + flush(1) + side_call(1, 11, 0, 40) + SETTLE),
            ("own_refusal", (0, 0, 0, 0), ask(1) + flush(0) + side_call(1, 13, 0, 3) + flush(1) + SETTLE),
            ("tunnel", (0, 0, 0, 0), ask(3) + reply(0, 0) + flush(0) + side_call(1, 7, 0, 9) + side_call(0, 7, 0, 9) + SETTLE),
    ]:
        yield "endpoints", name, bytes(options) + b"\1" + HELLO + steps
        yield "endpoints", "early_" + name, bytes(options) + b"\0" + steps
        yield "endpoints", "automatic_" + name, bytes([options[0] | 4, options[1] | 1, options[2] | 2, options[3] | 1, 1]) + HELLO + steps


def part(*names_and_values):
    """A section for nghttp2_messages.cpp, by the places in its lists."""
    return bytes([len(names_and_values)]) + b"".join(bytes(pair) for pair in names_and_values)


def nghttp2_seeds(blocks):
    for i, block in enumerate(blocks):
        yield "nghttp2", f"block_{i}", b"\0" + bytes([len(block)]) + block
    yield "nghttp2", "blocks", b"\0" + b"".join(bytes([len(block)]) + block for block in blocks[:10])
    yield "nghttp2", "resized", b"\0" + bytes([len(INDEXED_GET)]) + INDEXED_GET + b"\xf0\1\x03\x3f\x21\xbe"
    get = part((0, 0), (1, 3), (2, 5), (3, 7))
    ok, early, trailer = part((5, 10)), part((5, 16)), part((15, 3))
    for name, message in {
            "get": b"\0" + get,
            "post": b"\x10" + get[:-2] + b"\3\7" + b"\1\5" + b"\1\0",
            "length": b"\x08" + part((0, 18), (1, 3), (2, 5), (3, 7), (9, 14)) + b"\1\5",
            "short": b"\x08" + part((0, 18), (1, 3), (2, 5), (3, 7), (9, 14)) + b"\1\4",
            "trailers": b"\x10" + get + b"\1\2\0" + trailer,
            "connect": b"\x08" + part((0, 1), (2, 6)) + b"\1\3",
            "websocket": b"\x08" + part((0, 1), (4, 15), (1, 3), (2, 5), (3, 7)) + b"\1\3",
            "options": b"\0" + part((0, 2), (1, 4), (3, 8), (6, 5), (7, 12)),
            "upgrade": b"\0" + get[:1] + get[1:] + part((10, 15)),
            "ok": b"\1" + ok,
            "early": b"\x19" + early + b"\0" + ok + b"\1\3\0" + trailer,
            "head": b"\3" + part((5, 10), (9, 14)),
            "not_modified": b"\1" + part((5, 19), (9, 14)),
            "no_content": b"\x09" + part((5, 11)) + b"\1\0",
            "tunnel": b"\x0d" + ok + b"\1\5",
    }.items():
        yield "nghttp2", name, b"\1" + message


def tls_seeds():
    step = lambda side, what, *octets: bytes([what << 1 | side, *octets])
    there = step(1, 1) + step(1, 4)
    back = step(0, 1) + step(0, 4)
    for version, options in ("13", 0), ("12", 4):
        flights = there + back + there + back + there
        yield "tls_records", f"untouched_{version}", bytes([options, 20]) + flights + back
        yield "tls_records", f"large_{version}", bytes([options | 3, 255]) + flights + (back + there) * 3
        yield "tls_records", f"small_pieces_{version}", bytes([options, 9]) + (step(1, 0, 3) + step(1, 3, 40) + back) * 6
        for way in range(8):
            for flight in range(4):
                before = (there + back) * (flight // 2) + (there if flight % 2 else b"")
                side = 0 if flight % 2 else 1
                mangled = step(side, 1) + step(side, 6, way, 0, 4, 22, 3, 3) + (step(side, 6, way, 1, 1) if way > 5 else b"")
                yield "tls_records", f"mangled_{way}_{flight}_{version}", bytes([options, 30]) + before + mangled + step(side, 4) + back + there


def merge(build, found):
    """What was found beside the seeds, minimised, until a target's corpus has 300 KB."""
    for program in sorted(pathlib.Path(build).iterdir()):
        ours, theirs = CORPUS / program.name, pathlib.Path(found) / program.name
        if not ours.is_dir() or not theirs.is_dir():
            continue
        with tempfile.TemporaryDirectory() as scratch:
            kept = pathlib.Path(scratch)
            subprocess.run([program, "-merge=1", "-max_len=600", kept, ours, theirs], check=True, stderr=subprocess.DEVNULL)
            room = 250_000 - sum(path.stat().st_size for path in ours.iterdir())
            known = {path.read_bytes() for path in ours.iterdir()}
            for path in sorted(kept.iterdir(), key=lambda path: path.stat().st_size):
                octets = path.read_bytes()
                room -= len(octets)
                if room < 0 or len(list(ours.iterdir())) >= 300:
                    break
                if octets not in known:
                    (ours / hashlib.sha1(octets).hexdigest()[:12]).write_bytes(octets)


def main():
    for target, name, octets in seeds():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(octets)
    if sys.argv[1:2] == ["--merge"]:
        merge(*sys.argv[2:])


main()
