#!/usr/bin/python3
"""Writes fuzz/corpus/: small inputs, each a story that a fuzzer would take long to find. Run it after changing what the
octets of an input mean (driver.cpp, hpack_decoder.cpp, request_validity.cpp, cuts.cpp, priority.cpp)."""
import pathlib
import struct

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

    for name, value in {
            "usual": b"u=1, i",
            "all": b"a=(1 2.5 \"x\\\"\");p=?0, b=:YQ==:, c=*t/1, u=7;x=1,i=?0",
            "broken": b"u=1, ",
    }.items():
        yield "priority", name, b"\0" + bytes([len(value)]) + value + b"u=3"
    yield "priority", "members", b"\1\3\0" + bytes(part for i in range(24) for part in (i, i))
    for i in range(23):
        yield "priority", f"broken_{i}", bytes([1, 3, 0, 0, 1, 0xf0, i, 0, 13])


def main():
    for target, name, octets in seeds():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(octets)


main()
