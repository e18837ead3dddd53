"""The example servers driven by clients of others, and the example client against our server."""
import struct
import subprocess
import threading
import time

import raw
from harness import ENVIRONMENT, HERE, Server, check, equal, need, run, test
from sockets_test import goaway_through_upload, half_read_upload_is_bounded

HELLO = "Hello from an HTTP/2 server.\n"


def serves(place, name):
    with Server([place.example(name)]) as server:
        url = "http://" + server.url()
        curl = [need("curl"), "-q", "-sS", "--max-time", "60", "--http2-prior-knowledge"]
        equal(run([*curl, url + "/"]).stdout, HELLO, "the page")
        sent, back = place.file("upload", 5_000_000), place.path("back")
        run([*curl, "--data-binary", f"@{sent}", "-o", back, url + "/echo"])
        check(back.read_bytes() == sent.read_bytes(), "the echo differs")
        equal(run([*curl, "-o", "/dev/null", "-w", "%{http_code}", url + "/none"]).stdout, "404", "an unknown path")
        equal(run([*curl, "-o", "/dev/null", "-w", "%{http_code}", "--data-binary", f"@{sent}", url + "/"]).stdout, "404",
              "an upload to nowhere")

        said = run([need("nghttp"), "-nv", "-m", 20, "-d", place.file("upload", 100_000), "--trailer", "x-check: seven",
                    url + "/echo"]).stdout
        equal(said.count(":status: 200"), 20, "echoes of nghttp")
        equal(sum("recv (" in line and "x-check: seven" in line for line in said.splitlines()), 20, "trailers of nghttp")
        said = run([need("h2load"), "-n", 2000, "-c", 5, "-m", 50, url + "/"]).stdout
        check("2000 succeeded, 0 failed, 0 errored, 0 timeout" in said, said[-400:])

        equal(run([place.example("client"), server.url()]).stdout,
              f"GET /: 200, {len(HELLO)} bytes\nPOST /echo: 200, 1048576 bytes\n", "the example client")
        goaway_through_upload(server.address())
        half_read_upload_is_bounded(server.address(), 65535 * 3, lambda peer: peer.request(1, "POST", "/echo"))


def drains(place, name):
    sent, back = place.file("upload", 2_000_000), place.path("back")
    with Server([place.example(name)]) as server:
        idle = raw.Raw(server.address())
        seen = []
        reader = threading.Thread(target=lambda: seen.extend(idle.frames()))
        reader.start()
        client = subprocess.Popen([need("curl"), "-q", "-sS", "--http2-prior-knowledge", "--limit-rate", "1M",
                                   "--data-binary", f"@{sent}", "-o", back,
                                   f"http://{server.url()}/echo"], env=ENVIRONMENT)
        time.sleep(0.7)
        equal(server.stop(), 0, "exit code of the server")
        equal(client.wait(30), 0, "exit code of curl")
        check(back.read_bytes() == sent.read_bytes(), "the echo differs")
        reader.join()
        idle.socket.close()
        equal([raw.goaway(f) for f in seen if f.type == raw.GOAWAY], [(0x7FFFFFFF, raw.NO_ERROR), (0, raw.NO_ERROR)],
              "GOAWAYs of an idle connection")


def ends_though_a_peer_reads_nothing(place, name):
    """A peer uploads to echoes, more than sockets hold, until a write hangs; never mind the windows. The GOAWAY for its bad
    PING waits behind the echo, and five seconds later the connection is closed."""
    with Server([place.example(name)]) as server, raw.Raw(server.address(), receive_buffer=4096) as peer:
        peer.send(raw.frame(raw.SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 30)))
        peer.send(raw.frame(raw.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 30)))
        streams = range(1, 31, 2)
        for stream in streams:
            peer.request(stream, "POST", "/echo")
        for _ in range(10):
            for stream in streams:
                peer.send(raw.frame(raw.DATA, 0, stream, bytes(16000)) * 4)
            time.sleep(0.1)
        peer.send(raw.frame(raw.PING, 0, 0, b"seven b"))
        time.sleep(0.1)
        start = time.monotonic()
        equal(server.stop(), 0, "exit code of the server")
        check(3 < time.monotonic() - start < 6, "it did not end when it was due")


@test
def example_epoll(place):
    serves(place, "epoll")


@test
def example_epoll_drains(place):
    drains(place, "epoll")


@test
def example_epoll_ends_though_a_peer_reads_nothing(place):
    ends_though_a_peer_reads_nothing(place, "epoll")


@test
def example_uv(place):
    serves(place, "uv")


@test
def example_uv_drains(place):
    drains(place, "uv")


@test
def example_uv_ends_though_a_peer_reads_nothing(place):
    ends_though_a_peer_reads_nothing(place, "uv")


@test
def example_asio(place):
    serves(place, "asio")


@test
def example_asio_drains(place):
    drains(place, "asio")


@test
def example_asio_ends_though_a_peer_reads_nothing(place):
    ends_though_a_peer_reads_nothing(place, "asio")


@test
def example_client_against_h2_serve(place):
    host, port = place.server.address("http:")
    said = run([place.example("client"), f"{host}:{port}"]).stdout
    check(said.endswith("POST /echo: 200, 1048576 bytes\n"), said)


@test
def node_is_served_the_echo_of_every_example(place):
    for name in ["epoll", "uv", "asio"]:
        with Server([place.example(name)]) as server:
            run([need("node"), HERE / "node_echo.mjs", "http://" + server.url()])
