"""Clients of others against `h2 serve`: curl, nghttp, h2load and Node."""
import time

from harness import HERE, check, equal, need, run, test


def curl(*arguments, **options):
    return run([need("curl"), "-q", "-sS", "--max-time", "60", *arguments], **options).stdout


WRITE_OUT = ("-w", "%{http_version} %{http_code}")


def ways(place):
    """Each way in which curl reaches the server: its arguments, the URL, the version that must come of it."""
    https, http = place.server.url("https"), place.server.url("http:")
    return [
        (["--cacert", place.ca], https, "2"),
        (["--cacert", place.ca, "--http1.1"], https, "1.1"),
        (["--http2-prior-knowledge"], http, "2"),
        (["--http1.1"], http, "1.1"),
    ]


@test
def curl_gets_the_page(place):
    for arguments, url, version in ways(place):
        out = place.path("page")
        equal(curl(*arguments, *WRITE_OUT, "-o", out, url + "/"), f"{version} 200", f"{url} {arguments}")
        check("<html" in out.read_text().lower(), "the page is not HTML")


@test
def curl_uploads_5_MB_to_the_echo(place):
    sent, back = place.file("upload", 5_000_000), place.path("back")
    for arguments, url, version in ways(place):
        said = curl(*arguments, *WRITE_OUT, "--data-binary", f"@{sent}", "-o", back, url + "/echo")
        equal(said, f"{version} 200", f"{url} {arguments}")
        check(back.read_bytes() == sent.read_bytes(), f"{url} {arguments}: the echo differs")


@test
def curl_uploads_without_a_length(place):
    sent, back = place.file("upload", 1_000_000), place.path("back")
    for arguments, url, version in ways(place):
        said = curl(*arguments, *WRITE_OUT, "-H", "expect:", "-X", "POST", "-T", "-", "-o", back, url + "/echo",
                    stdin=sent.read_bytes())
        equal(said, f"{version} 200", f"{url} {arguments}")
        check(back.read_bytes() == sent.read_bytes(), f"{url} {arguments}: the echo differs")


@test
def curl_downloads_20_MB(place):
    for arguments, url, version in ways(place):
        said = curl(*arguments, "-w", "%{http_version} %{size_download}", "-o", "/dev/null", url + "/bytes/20000000")
        equal(said, f"{version} 20000000", f"{url} {arguments}")


@test
def curl_fetches_100_at_once(place):
    for arguments, url, version in ways(place):
        if "--http2-prior-knowledge" in arguments:
            continue  # curl 7.88 fails here with any server: it takes a second request before it speaks HTTP/2
        said = curl(*arguments, "-Z", "--parallel-max", 50, "-w", "%{http_version} %{http_code} %{size_download}\\n",
                    "-o", "/dev/null", url + "/bytes/[10001-10100]")
        equal(sorted(said.split("\n")[:-1]), [f"{version} 200 {n}" for n in range(10001, 10101)], f"{url} {arguments}")


@test
def curl_sees_statuses_and_heads(place):
    for arguments, url, version in ways(place):
        equal(curl(*arguments, *WRITE_OUT, "-o", "/dev/null", url + "/nothing"), f"{version} 404", url)
        equal(curl(*arguments, *WRITE_OUT, "-o", "/dev/null", "-X", "DELETE", url + "/"), f"{version} 405", url)
        head = curl(*arguments, "-I", url + "/bytes/12345").lower()
        check("content-length: 12345" in head, "HEAD has no content-length:", head)


@test
def curl_gets_files_and_ranges(place):
    root = place.path("root")
    root.mkdir(exist_ok=True)
    (root / "index.html").write_text("<html>front</html>")
    content = place.file("upload", 1_000_000).read_bytes()
    (root / "large.bin").write_bytes(content)
    (place.path("secret")).write_text("secret")
    out = place.path("out")
    with place.serve("--http", 0, "--root", root) as server:
        get = ["--http2-prior-knowledge", *WRITE_OUT, "-o", out]
        equal(curl(*get, server.url() + "/"), "2 200", "the folder")
        equal(out.read_text(), "<html>front</html>", "index.html")
        equal(curl(*get, server.url() + "/large.bin"), "2 200", "a file")
        check(out.read_bytes() == content, "the file differs")
        equal(curl(*get, "-r", "1000-1999", server.url() + "/large.bin"), "2 206", "a range")
        check(out.read_bytes() == content[1000:2000], "the range differs")
        equal(curl(*get, "-r", "2000000-", server.url() + "/large.bin"), "2 416", "a range behind the end")
        for path in ["/../secret", "/%2e%2e/secret", "/..%2fsecret", "//../secret"]:
            said = curl(*get, "--path-as-is", server.url() + path)
            check(said.startswith("2 4"), path, "is answered with", said)


@test
def curl_sees_files_change(place):
    """Small files are kept in memory, and what happens to them on the disk shows within a second."""
    root = place.path("changing")
    root.mkdir(exist_ok=True)
    file, out = root / "file", place.path("out")
    with place.serve("--http", 0, "--https", 0, "--root", root, listens=2) as server:
        gets = [["--http2-prior-knowledge", *WRITE_OUT, "-o", out, server.url("http:") + "/file"],
                ["--http1.1", *WRITE_OUT, "-o", out, server.url("http:") + "/file"],
                ["-k", *WRITE_OUT, "-o", out, server.url("https:") + "/file"]]
        for content in [b"first", b"again", bytes(1 << 20), bytes(3 << 20), b"short"]:
            file.write_bytes(content)
            time.sleep(1.1)
            for get in gets:
                check(curl(*get).endswith(" 200"), "no answer")
                check(out.read_bytes() == content, get, "is not what", len(content), "bytes were written")
        file.unlink()
        time.sleep(1.1)
        for get in gets:
            check(curl(*get).endswith(" 404"), "what is gone is still there")


@test
def nghttp_multiplexes(place):
    for url in place.server.urls:
        said = run([need("nghttp"), "-nv", "-y", "-m", 30, url + "/bytes/30000"]).stdout
        equal(said.count(":status: 200"), 30, f"{url}: responses")
        check("RST_STREAM" not in said, url, "a stream was reset")
        check("error_code=NO_ERROR" in said or "GOAWAY" not in said, url, "the connection failed")


@test
def nghttp_sends_and_gets_trailers(place):
    sent = place.file("upload", 300_000)
    for url in place.server.urls:
        said = run([need("nghttp"), "-nv", "-y", "-d", sent, "--trailer", "x-check: seven", url + "/echo"]).stdout
        check(":status: 200" in said, url, "no 200")
        check(any("recv (" in line and "x-check: seven" in line for line in said.splitlines()), url, "no trailer back")


@test
def nghttp_pads_and_continues(place):
    sent = place.file("upload", 100_000)
    for arguments in [["--padding=200"], ["--continuation"], ["--header-table-size=0"], ["--header-table-size=65536"],
                      ["--encoder-header-table-size=0"], ["--window-bits=10"], ["--connection-window-bits=30"],
                      ["--no-content-length"], ["--no-rfc7540-pri"], ["--weight=256"]]:
        out = run([need("nghttp"), "-nv", *arguments, "-d", sent, "-m", 3, place.server.url("http:") + "/echo"]).stdout
        equal(out.count(":status: 200"), 3, f"{arguments}: responses")
        check("RST_STREAM" not in out, arguments, "a stream was reset")


@test
def h2load_gets_all_answers(place):
    for url in place.server.urls:
        said = run([need("h2load"), "-n", 4000, "-c", 8, "-m", 50, url + "/"]).stdout
        check("4000 succeeded, 0 failed, 0 errored, 0 timeout" in said, url, said[-400:])


@test
def h2load_uploads(place):
    sent = place.file("upload", 100_000)
    for url in place.server.urls:
        said = run([need("h2load"), "-n", 200, "-c", 4, "-m", 10, "-d", sent, url + "/echo"]).stdout
        check("200 succeeded, 0 failed, 0 errored, 0 timeout" in said, url, said[-400:])


@test
def h2load_with_several_threads(place):
    with place.serve("--http", 0, "--threads", 2, "--log", "none") as server:
        said = run([need("h2load"), "-n", 4000, "-c", 20, "-m", 10, server.url() + "/bytes/2000"]).stdout
        check("4000 succeeded, 0 failed, 0 errored, 0 timeout" in said, said[-400:])


@test
def node_client(place):
    for url in place.server.urls:
        run([need("node"), HERE / "node_client.mjs", url, place.ca])


@test
def node_websocket(place):
    for url in place.server.urls:
        run([need("node"), HERE / "node_websocket.mjs", url, place.ca])
    check("CONNECT:websocket /ws 200" in place.server.text(), "no line in the log")


@test
def every_request_is_a_line_in_the_log(place):
    with place.serve("--http", 0, "--log", "all") as server:
        curl("--http2-prior-knowledge", "-o", "/dev/null", server.url() + "/bytes/1234")
        curl("--http1.1", "-o", "/dev/null", server.url() + "/bytes/4321")
        server.stop()
        check(any("200" in line and "1234" in line for line in server.log), "no line for HTTP/2:", server.text())
        check(any("200" in line and "4321" in line for line in server.log), "no line for HTTP/1.1:", server.text())
