"""`h2 get` against servers of others: nghttpd and Node."""
import raw
from harness import HERE, Foreign, Server, check, equal, free_port, need, run, test


def nghttpd(place, *arguments, tls):
    htdocs = place.path("htdocs")
    if not htdocs.exists():
        htdocs.mkdir()
        (htdocs / "index.html").write_text("<html>nghttpd</html>")
        (htdocs / "large").write_bytes(place.file("upload", 3_000_000).read_bytes())
    cert, key = place.certificate
    port = free_port()
    security = [port, key, cert] if tls else ["--no-tls", port]
    return Foreign([need("nghttpd"), "-a", "127.0.0.1", "-d", htdocs, *arguments, *security], port)


def node(place):
    return Server([need("node"), HERE / "node_server.mjs", *place.certificate], listens=2)


def get(place, *arguments, **options):
    return run([place.h2, "get", "--prior-knowledge", "--cacert", place.certificate[0], *arguments], **options)


@test
def get_from_nghttpd(place):
    out = place.path("out")
    for scheme in ["https", "http"]:
        with nghttpd(place, tls=scheme == "https") as server:
            url = f"{scheme}://{server.urls[0]}"
            equal(get(place, url + "/").stdout, "<html>nghttpd</html>", url)
            get(place, "-o", out, url + "/large")
            equal(out.stat().st_size, 3_000_000, f"{url}/large")
            check(out.read_bytes() == place.file("upload", 3_000_000).read_bytes(), url, "the content differs")
            get(place, url + "/nothing", code=7)


@test
def get_many_from_nghttpd(place):
    with nghttpd(place, "-m", 7, tls=False) as server:
        url = f"http://{server.urls[0]}/"
        equal(get(place, "--repeat", 500, "--concurrency", 100, url).stdout, "<html>nghttpd</html>" * 500, "500 pages")
        equal(get(place, *[url] * 30).stdout, "<html>nghttpd</html>" * 30, "30 URLs")


@test
def get_uploads_to_nghttpd(place):
    sent, out = place.file("upload", 2_000_000), place.path("out")
    for arguments in [[], ["-w", 10], ["-W", 16], ["-b", 100], ["-c", 0], ["--encoder-header-table-size=0"]]:
        with nghttpd(place, "--echo-upload", *arguments, tls=False) as server:
            get(place, "-d", f"@{sent}", "-o", out, f"http://{server.urls[0]}/echo")
            check(out.read_bytes() == sent.read_bytes(), arguments, "the echo differs")


@test
def get_takes_trailers_from_nghttpd(place):
    with nghttpd(place, "--trailer", "x-check: seven", tls=True) as server:
        said = get(place, "-i", f"https://{server.urls[0]}/").stderr
        check("x-check: seven" in said, "the trailer is missing:", said)


@test
def get_refuses_pushes_of_nghttpd(place):
    with nghttpd(place, "-p", "/=/large", tls=True) as server:
        equal(get(place, f"https://{server.urls[0]}/").stdout, "<html>nghttpd</html>", "the page")


@test
def get_from_node(place):
    out = place.path("out")
    with node(place) as server:
        for url in server.urls:
            equal(get(place, url + "/").stdout, "GET /\n", url)
            get(place, "-o", out, url + "/bytes/5000000")
            equal(out.stat().st_size, 5_000_000, f"{url}: bytes")
            equal(get(place, "-X", "HEAD", url + "/").stdout, "", f"{url}: HEAD")
            equal(get(place, "--repeat", 300, url + "/").stdout, "GET /\n" * 300, f"{url}: 300 pages")


@test
def get_uploads_to_node(place):
    sent, out = place.file("upload", 2_000_000), place.path("out")
    with node(place) as server:
        for url in server.urls:
            said = get(place, "-i", "-d", f"@{sent}", "--trailer", "x-check: seven", "-o", out, url + "/echo").stderr
            check(out.read_bytes() == sent.read_bytes(), url, "the echo differs")
            check("x-check: seven" in said, url, "the trailer is missing:", said)


@test
def get_takes_what_node_does(place):
    with node(place) as server:
        url = server.url("https")
        early = get(place, "-i", url + "/early")
        check("103" in early.stderr and "preload" in early.stderr, "the 103 is missing:", early.stderr)
        equal(early.stdout, "GET /early\n", "behind the 103")
        equal(get(place, url + "/slow").stdout, "slow\n", "a slow answer")
        equal(get(place, url + "/last").stdout, "GET /last\n", "an answer with GOAWAY")
        equal(get(place, "--concurrency", 1, url + "/last", url + "/next").stdout, "GET /last\nGET /next\n",
              "the answer with GOAWAY, and one of another connection")
        for status, code in [(204, 0), (304, 0), (404, 7), (500, 7)]:
            get(place, f"{url}/status/{status}", code=code)
        reset = get(place, url + "/reset", code=6)
        check("INTERNAL_ERROR" in reset.stderr, "the code is not named:", reset.stderr)


@test
def get_shows_frames_without_secrets(place):
    with node(place) as server:
        said = get(place, "-v", "-H", "authorization: Bearer sesame", "-H", "x-open: yes", server.url("http:") + "/").stderr
        for name in ["SETTINGS", "HEADERS", "DATA", "x-open: yes", "authorization"]:
            check(name in said, name, "is missing")
        check("sesame" not in said, "the secret is shown")


@test
def get_takes_pushes_of_nghttpd(place):
    out = place.path("out")
    for tls in [True, False]:
        with nghttpd(place, "-p", "/=/large", tls=tls) as server:
            url = f"{'https' if tls else 'http'}://{server.urls[0]}"
            said = get(place, "--push", url + "/")
            equal(said.stdout, "<html>nghttpd</html>", "the page alone")
            equal(said.stderr.strip(), f"pushed {url}/large: status 200, 3000000 bytes", "what is told of the push")
            get(place, "--push", "-o", out, url + "/")
            equal(out.read_text(), "<html>nghttpd</html>", "the file")
            get(place, "--push", "--repeat", 20, "-o", out, url + "/")
            equal(out.read_text(), "<html>nghttpd</html>" * 20, "the file of 20 fetches")


@test
def get_sends_a_priority(place):
    with node(place) as server:
        url = server.url("http:") + "/"
        said = get(place, "-v", "--priority", "u=1, i", url).stderr
        check("\n  priority: u=1, i\n" in said.split("recv stream 1")[0], "no such field was sent:", said)
        check("priority:" not in get(place, "-v", url).stderr, "a field that nobody asked for")
        for bad in ["u=", "U=1", "u=1,", "1"]:
            said = get(place, "--priority", bad, url, code=2).stderr
            check(f"'{bad}' is no priority" in said, bad, "is answered by", said)


@test
def get_shows_frames_of_other_rfcs(place):
    def act(peer):
        stream, = peer.requests(1)
        peer.send(raw.frame(0x0A, 0, 0, b"\0\x0bhttps://a.bh2=\":1\"") + raw.frame(0x0A, 0, stream, b"\0\0clear"))
        peer.send(raw.frame(0x0C, 0, 0, b"\0\x0bhttps://c.d") + raw.frame(0xEE, 0, 0, b"?"))
        peer.send(raw.frame(raw.SETTINGS, 0, 0, bytes.fromhex("000800000001 1a2b00000007")))
        peer.answer(stream, b"shown")
        peer.until(lambda f: f.type == raw.GOAWAY)

    with raw.Play(act) as server:
        done = run([place.h2, "get", "--prior-knowledge", "-v", server.url])
    equal(done.stdout, "shown", "content")
    for line in ['recv stream 0 ALTSVC 20 bytes origin="https://a.b" value="h2=":1""',
                 'recv stream 1 ALTSVC 7 bytes value="clear"', 'recv stream 0 ORIGIN 13 bytes origin="https://c.d"',
                 "recv stream 0 UNKNOWN(0xee) 1 byte",
                 "recv stream 0 SETTINGS 12 bytes ENABLE_CONNECT_PROTOCOL=1 0x1a2b=7"]:
        check(line + "\n" in done.stderr, line, "is missing:", done.stderr)
