"""What only a real socket shows: GOAWAYs that arrive, drains, peers that read nothing."""
import socket
import threading
import time

import raw
from harness import Failed, check, equal, test


def goaway_through_upload(address):
    """A broken PING, and a megabyte behind it that nobody will read: the GOAWAY must come through nevertheless."""
    with raw.Raw(address) as peer:
        peer.request(1, "POST", "/echo")
        content = raw.frame(raw.DATA, 0, 1, bytes(16384)) * 64
        peer.send(raw.frame(raw.PING, 0, 0, bytes(7)) + content)
        time.sleep(0.3)
        found = [f for f in peer.frames() if f.type == raw.GOAWAY]
        check(found, "no GOAWAY came")
        equal(raw.goaway(found[-1])[1], raw.FRAME_SIZE_ERROR, "code of the GOAWAY")


def half_read_upload_is_bounded(address, most, begin, unit=b"\0"):
    """A peer that reads frames but opens no window for its echo may upload as much as the windows say, and no more. What
    it sends is `unit` over and over."""
    endless = unit * (2 * most // len(unit) + 16384)
    with raw.Raw(address, timeout=2) as peer:
        begin(peer)
        window = {0: 65535, 1: 65535}
        sent = echoed = 0
        try:
            peer.socket.settimeout(1.5)
            frames = peer.frames()
            while True:
                size = min(window[0], window[1], 16384)
                if size > 0 and sent < 2 * most:
                    peer.send(raw.frame(raw.DATA, 0, 1, endless[sent:sent + size]))
                    sent += size
                    window[0] -= size
                    window[1] -= size
                    continue
                found = next(frames)
                if found.type == raw.WINDOW_UPDATE:
                    window[found.stream] += int.from_bytes(found.payload, "big")
                elif found.type == raw.SETTINGS and not found.flags & raw.ACK:
                    for at in range(0, len(found.payload), 6):
                        if found.payload[at:at + 2] == b"\0\x04":
                            window[1] += int.from_bytes(found.payload[at + 2:at + 6], "big") - 65535
                elif found.type == raw.DATA:
                    echoed += len(found.payload)
        except (Failed, StopIteration):
            pass  # nothing moves any more, as it should be
        equal(echoed, 65535, "bytes of the echo")
        check(sent <= most, f"{sent} bytes were taken from a peer that lets nothing back; at most {most} should be")


@test
def goaway_arrives_through_an_unread_upload(place):
    for _ in range(5):
        goaway_through_upload(place.server.address("http:"))


@test
def goaway_arrives_when_the_preface_is_http1(place):
    with socket.create_connection(place.server.address("http:"), 10) as peer:
        peer.sendall(raw.PREFACE[:18] + b"XX\r\n\r\n" + bytes(100_000))
        octets = b""
        try:
            while more := peer.recv(65536):
                octets += more
        except TimeoutError:
            raise Failed("the server did not end") from None
        except ConnectionResetError:
            raise Failed("a TCP reset came instead of an orderly end") from None
        check(octets, "nothing was said")


@test
def echo_keeps_back_pressure(place):
    half_read_upload_is_bounded(place.server.address("http:"), 4_000_000, lambda peer: peer.request(1, "POST", "/echo"))


def open_websocket(peer):
    fields = raw.block((":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"),
                       (":authority", "localhost"), (":path", "/ws"), ("sec-websocket-version", "13"))
    peer.send(raw.frame(raw.HEADERS, raw.END_HEADERS, 1, fields))


def websocket_frame(opcode, payload):
    """With a mask of zeros, which leaves the payload as it is."""
    length = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big")
    return bytes([0x80 | opcode, 0x80 | length[0]]) + length[1:] + bytes(4) + payload


@test
def websocket_keeps_back_pressure(place):
    # A window that was echoed and one that waits; an empty message is six octets here, and two in its echo.
    for unit in [websocket_frame(2, b"x" * 1000), websocket_frame(2, b""), websocket_frame(9, b"ping")]:
        half_read_upload_is_bounded(place.server.address("http:"), 300_000, open_websocket, unit)


@test
def sigterm_closes_websockets(place):
    with place.serve("--http", 0, "--drain-seconds", 20) as server, raw.Raw(server.address()) as peer:
        open_websocket(peer)
        peer.send(raw.frame(raw.DATA, 0, 1, websocket_frame(1, b"here")))
        found = peer.until(lambda f: f.type == raw.DATA)[-1]
        equal(found.payload, b"\x81\x04here", "the echo")
        start, ended = time.monotonic(), []
        stopper = threading.Thread(target=lambda: ended.append(server.stop()))
        stopper.start()
        found = peer.until(lambda f: f.type == raw.DATA)[-1]
        equal(found.payload[:1] + found.payload[2:4], b"\x88" + (1001).to_bytes(2, "big"), "Close and its code")
        if not found.flags & raw.END_STREAM:
            peer.until(lambda f: f.type == raw.DATA and f.flags & raw.END_STREAM)
        peer.send(raw.frame(raw.DATA, raw.END_STREAM, 1, websocket_frame(8, (1001).to_bytes(2, "big"))))
        check(any(f.type == raw.GOAWAY for f in peer.frames()), "no GOAWAY came")
        peer.socket.close()
        stopper.join()
        equal(ended, [0], "exit code of the server")
        check(time.monotonic() - start < 5, f"that took {time.monotonic() - start:.1f} s")


@test
def a_vanished_client_harms_nobody(place):
    for _ in range(20):
        with raw.Raw(place.server.address("http:"), receive_buffer=4096) as peer:
            peer.request(1, "GET", "/bytes/100000000", end=True)
            peer.send(raw.frame(raw.WINDOW_UPDATE, 0, 0, (1 << 30).to_bytes(4, "big")))
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close is a reset
    with raw.Raw(place.server.address("http:")) as peer:
        peer.request(1, "GET", "/", end=True)
        peer.until(lambda f: f.type == raw.DATA and f.flags & raw.END_STREAM)


@test
def sigterm_lets_requests_finish(place):
    with place.serve("--http", 0, "--drain-seconds", 20) as server, raw.Raw(server.address()) as peer:
        peer.request(1, "GET", "/bytes/3000000", end=True)
        received = 0
        for found in peer.frames():
            received += len(found.payload) if found.type == raw.DATA else 0
            if received == 65535:
                break  # the window is closed: the rest waits for us
        ended = []
        stopper = threading.Thread(target=lambda: ended.append(server.stop()))
        stopper.start()
        peer.until(lambda f: f.type == raw.GOAWAY)
        time.sleep(0.2)
        try:
            socket.create_connection(server.address(), 1).close()
            refused = False
        except OSError:
            refused = True
        for stream in (0, 1):
            peer.send(raw.frame(raw.WINDOW_UPDATE, 0, stream, (1 << 24).to_bytes(4, "big")))
        received += sum(len(f.payload) for f in peer.frames() if f.type == raw.DATA)
        peer.socket.close()
        stopper.join()
        equal(received, 3_000_000, "bytes of the answer")
        equal(ended, [0], "exit code of the server")
        check(refused, "new connections are taken while it ends")


@test
def sigterm_with_nothing_to_do_ends_at_once(place):
    with place.serve("--http", 0, "--https", 0, listens=2, code=0) as server:
        with raw.Raw(server.address("http:")) as peer:
            peer.request(1, "GET", "/", end=True)
            peer.until(lambda f: f.flags & raw.END_STREAM and f.type == raw.DATA)
            start = time.monotonic()
            code = []
            stopper = threading.Thread(target=lambda: code.append(server.stop()))
            stopper.start()
            found = [raw.goaway(f) for f in peer.frames() if f.type == raw.GOAWAY]
            peer.socket.close()
            stopper.join()
            equal(code, [0], "exit code")
            equal(found, [(0x7FFFFFFF, raw.NO_ERROR), (1, raw.NO_ERROR)], "GOAWAYs, the warning first")
            check(time.monotonic() - start < 3, f"that took {time.monotonic() - start:.1f} s")


@test
def the_drain_has_a_deadline(place):
    with place.serve("--http", 0, "--drain-seconds", 1, listens=1) as server:
        with raw.Raw(server.address(), receive_buffer=4096) as peer:
            peer.request(1, "GET", "/bytes/100000000", end=True)
            peer.send(raw.frame(raw.WINDOW_UPDATE, 0, 0, (1 << 30).to_bytes(4, "big")) +
                      raw.frame(raw.WINDOW_UPDATE, 0, 1, (1 << 30).to_bytes(4, "big")))
            time.sleep(0.3)
            start = time.monotonic()
            equal(server.stop(), 0, "exit code")
            check(time.monotonic() - start < 5, f"that took {time.monotonic() - start:.1f} s")
