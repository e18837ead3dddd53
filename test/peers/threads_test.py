"""`h2 serve` on several threads, under the load of others' clients; `./dev tsan` runs these with ThreadSanitizer."""
import random
import struct
import threading
import time

import raw
from harness import check, equal, need, run, test

SECONDS = 6


def until(end, errors, work):
    """Does `work` again and again, and keeps what it says when the server is still to answer."""
    while time.monotonic() < end:
        try:
            work()
        except Exception as error:  # told by the test, not by a thread that nobody looks at
            errors.append(error)
            return


def load(url, *options):
    said = run([need("h2load"), "-n", 2000, "-c", 8, "-m", 10, *options, url + "/bytes/10000"]).stdout
    check("2000 succeeded" in said, said)


def fetch(url, *options):
    said = run([need("curl"), "-q", "-sS", "-o", "/dev/null", "-w", "%{http_code}", *options, url + "/bytes/100000"]).stdout
    equal(said, "200", "status")


def reset(address):
    """Requests that are reset at random, and a connection that is left in the middle."""
    with raw.Raw(address) as peer:
        for stream in range(1, 100, 2):
            peer.request(stream, "GET", "/bytes/1000000", end=True)
            if random.random() < 0.7:
                peer.send(raw.frame(raw.RST_STREAM, 0, stream, struct.pack(">I", 8)))


def begin(server, errors, end):
    http, https = server.url("http:"), server.url("https:")
    works = [lambda: load(http), lambda: load(https), lambda: fetch(https, "-k", "--http2"),
             lambda: fetch(http, "--http1.1"), lambda: reset(server.address("http:"))]
    threads = [threading.Thread(target=until, args=(end, errors, work), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    return threads


@test
def threads_under_load(place):
    errors = []
    with place.serve("--http", 0, "--https", 0, "--threads", 4, "--log", "all", listens=2) as server:
        for thread in begin(server, errors, time.monotonic() + SECONDS):
            thread.join()
        check(not errors, errors[:1])


@test
def threads_that_end_under_load(place):
    """SIGTERM in the middle: every connection is drained or cut, and the exit is an orderly one."""
    for wait in (0.2, 1.5):
        with place.serve("--http", 0, "--https", 0, "--threads", 4, "--drain-seconds", 2, "--log", "all", listens=2) as server:
            threads = begin(server, [], time.monotonic() + wait + 1)
            time.sleep(wait)
            equal(server.stop(), 0, "exit code")
            for thread in threads:
                thread.join()
