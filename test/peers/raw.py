"""An HTTP/2 client of a few lines that says what it likes on a socket, also what no library would let it say."""
import collections
import socket
import struct

from harness import Failed, check

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
NO_ERROR, FRAME_SIZE_ERROR = 0, 6

Frame = collections.namedtuple("Frame", "type flags stream payload")


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def block(*fields):
    """A header block of literals without indexing or Huffman (RFC 7541 6.2.2)."""
    return b"".join(b"\0" + bytes([len(n)]) + n.encode() + bytes([len(v)]) + v.encode() for n, v in fields)


class Raw:
    def __init__(self, address, timeout=15, receive_buffer=None):
        self.socket = socket.socket()
        self.socket.settimeout(timeout)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send(PREFACE + frame(SETTINGS))

    def send(self, octets):
        self.socket.sendall(octets)

    def request(self, stream, method, path, end=False):
        fields = block((":method", method), (":scheme", "http"), (":authority", "localhost"), (":path", path))
        self.send(frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, fields))

    def frames(self):
        """Every frame until the server's FIN; SETTINGS and PING are answered."""
        while True:
            head = self._exactly(9)
            if head is None:
                return
            size = int.from_bytes(head[:3], "big")
            payload = self._exactly(size)
            check(payload is not None, "the server ended in the middle of a frame")
            found = Frame(head[3], head[4], int.from_bytes(head[5:9], "big"), payload)
            if found.type in (SETTINGS, PING) and not found.flags & ACK:
                try:
                    self.send(frame(found.type, ACK, 0, payload if found.type == PING else b""))
                except OSError:
                    pass
            yield found

    def until(self, condition):
        """All frames up to the first that fits."""
        seen = []
        for found in self.frames():
            seen.append(found)
            if condition(found):
                return seen
        raise Failed("the server ended before it sent what was waited for")

    def _exactly(self, size):
        octets = b""
        while len(octets) < size:
            try:
                more = self.socket.recv(size - len(octets))
            except TimeoutError:
                raise Failed("the server sent nothing more and did not end") from None
            except ConnectionResetError:
                raise Failed("a TCP reset destroyed what the server had sent") from None
            if not more:
                return None
            octets += more
        return octets

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()


def goaway(found):
    """Last stream id and error code of a GOAWAY."""
    return struct.unpack(">II", found.payload[:8])
