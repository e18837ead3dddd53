"""An HTTP/2 client of a few lines that says what it likes on a socket, also what no library would let it say; and the
same as a server."""
import collections
import queue
import socket
import struct
import threading

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
    def __init__(self, address, timeout=15, receive_buffer=None, tls=None):
        self.socket = socket.socket()
        self.socket.settimeout(timeout)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket)
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


class Answering(Raw):
    """The other side: a connection that a client opened."""

    def __init__(self, accepted, timeout=15):
        self.socket = accepted
        self.socket.settimeout(timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        check(self._exactly(len(PREFACE)) == PREFACE, "the client does not begin with the preface")
        self.send(frame(SETTINGS))

    def requests(self, count):
        """Waits for so many request heads; their streams."""
        return [self.until(lambda f: f.type == HEADERS)[-1].stream for _ in range(count)]

    def answer(self, stream, content):
        self.send(frame(HEADERS, END_HEADERS, stream, block((":status", "200"))) +
                  frame(DATA, END_STREAM, stream, content))

    def goaway(self, last, code=NO_ERROR):
        self.send(frame(GOAWAY, 0, 0, struct.pack(">II", last, code)))

    def end(self):
        """FIN, and what still comes is read, so that no TCP reset destroys what was said."""
        self.socket.shutdown(socket.SHUT_WR)
        for _ in self.frames():
            pass


class Play:
    """A server that plays one function per connection, the last one for all that follow; it is given an Answering."""

    def __init__(self, *acts):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.acts, self.connections, self._failures = acts, 0, queue.SimpleQueue()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                return
            act = self.acts[min(self.connections, len(self.acts) - 1)]
            self.connections += 1
            threading.Thread(target=self._play, args=(act, accepted), daemon=True).start()

    def _play(self, act, accepted):
        try:
            with accepted:
                act(Answering(accepted))
        except Exception as error:  # told by the test, not by a thread that nobody looks at
            self._failures.put(error)

    def __enter__(self):
        return self

    def __exit__(self, kind, *unused):
        self.listener.close()
        if kind is None and not self._failures.empty():
            raise self._failures.get()


def goaway(found):
    """Last stream id and error code of a GOAWAY."""
    return struct.unpack(">II", found.payload[:8])
