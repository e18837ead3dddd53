"""A headless Chromium loads a page from `h2 serve --root`, fetches beside it and uploads, all by h2."""
import fcntl
import json
import os
import select
import shutil
import subprocess
import time

from harness import ENVIRONMENT, Failed, check, equal, test

FETCHES = 50
PAGE = """<!doctype html><title>h2</title><script>
async function work() {
  const texts = await Promise.all([...Array(%d).keys()].map(async n => (await fetch(`file-${n}.txt`)).text()));
  const upload = new Uint8Array(3 << 20).map((_, i) => (i * i) >> 7);
  const answer = await fetch('/echo', {method: 'POST', body: upload});
  const echo = new Uint8Array(await answer.arrayBuffer());
  const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
  return JSON.stringify({
    texts: texts.every((text, n) => text === `content of file ${n}\\n`),
    echo: echo.length === upload.length && echo.every((octet, i) => octet === upload[i]),
    protocols: [...new Set(entries.map(entry => entry.nextHopProtocol))],
    entries: entries.length,
  });
}
</script>""" % FETCHES


class Chromium:
    """Driven over the DevTools pipe: JSON messages that end with NUL, in on its descriptor 3 and out on 4."""

    def __init__(self, place):
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        check(program, "chromium is not installed")
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
                 "--disable-dev-shm-usage", "--ignore-certificate-errors", "--remote-debugging-pipe",
                 f"--user-data-dir={place.path('chromium')}", "about:blank"]
        to_browser, self._in = os.pipe()
        self._out, from_browser = os.pipe()
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (to_browser, from_browser)]
        os.close(to_browser)
        os.close(from_browser)
        self.log = open(place.path("chromium.log"), "wb+")
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$0" "$@" 3<&{ends[0]} 4>&{ends[1]} {ends[0]}<&- {ends[1]}>&-', program, *flags],
            pass_fds=ends, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env=ENVIRONMENT | {"HOME": str(place.folder)})
        for fd in ends:
            os.close(fd)
        self._buffer, self._id = b"", 0

    def call(self, method, session=None, timeout=60, **parameters):
        self._id += 1
        message = {"id": self._id, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        os.write(self._in, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + timeout
        while True:
            answer = self._next(end)
            if answer.get("id") == self._id:
                error = answer.get("error", {}).get("message", "")
                if "context was destroyed" in error or "Cannot find" in error:  # between two pages
                    return {}
                check(not error, method, error)
                return answer["result"]

    def _next(self, end):
        while b"\0" not in self._buffer:
            if not select.select([self._out], [], [], max(0, end - time.monotonic()))[0]:
                raise Failed("the browser does not answer")
            more = os.read(self._out, 1 << 20)
            if not more:
                self.log.seek(0)
                raise Failed("the browser is gone: " + self.log.read()[-300:].decode(errors="replace"))
            self._buffer += more
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def open(self, url, ready):
        """Loads `url` in a new tab and waits until the expression `ready` holds there."""
        target = self.call("Target.createTarget", url=url)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        end = time.monotonic() + 30
        while self.evaluate(session, ready) is not True:
            check(time.monotonic() < end, "the page did not load")
            time.sleep(0.1)
        return session

    def evaluate(self, session, expression):
        """The value of `expression`, of its promise if it is one; None while the page is being exchanged."""
        said = self.call("Runtime.evaluate", session, expression=expression, awaitPromise=True)
        check("exceptionDetails" not in said, "the page failed:", said.get("exceptionDetails"))
        return said.get("result", {}).get("value")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        try:
            self.call("Browser.close", timeout=5)
            self.process.wait(10)
        except (Failed, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        for fd in (self._in, self._out):
            os.close(fd)
        self.log.close()


@test(browser=True)
def browser_loads_fetches_and_uploads(place):
    root = place.path("site")
    root.mkdir()
    (root / "index.html").write_text(PAGE)
    for n in range(FETCHES):
        (root / f"file-{n}.txt").write_text(f"content of file {n}\n")
    with place.serve("--https", 0, "--root", root, "--grease") as server, Chromium(place) as browser:
        session = browser.open(server.url() + "/", "typeof work === 'function'")
        found = json.loads(browser.evaluate(session, "work()"))
        check(found["texts"], "a file differs")
        check(found["echo"], "the echo differs")
        equal(found["protocols"], ["h2"], "nextHopProtocol")
        check(found["entries"] >= FETCHES + 2, found["entries"], "entries")


@test(browser=True)
def browser_shows_the_built_in_page(place):
    with Chromium(place) as browser:
        session = browser.open(place.server.url("https") + "/",
                               "location.protocol === 'https:' && document.readyState === 'complete'")
        equal(browser.evaluate(session, "performance.getEntriesByType('navigation')[0].nextHopProtocol"), "h2",
              "nextHopProtocol")
        text = browser.evaluate(session, "document.body.innerText")
        check("h2" in text or "HTTP/2" in text, "the page does not show the protocol:", text[:300])


TALK = """new Promise((resolve, reject) => {
  const socket = new WebSocket(location.origin.replace('https:', 'wss:') + '/ws');
  const sent = ['hello', 'x'.repeat(60000), new Uint8Array([0, 1, 254, 255])];
  const said = [];
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => sent.forEach(message => socket.send(message));
  socket.onmessage = ({data}) => {
    said.push(data);
    if (said.length === sent.length) socket.close(3001, 'done');
  };
  socket.onerror = () => reject(new Error('the WebSocket failed'));
  socket.onclose = ({code, reason, wasClean}) => resolve(JSON.stringify({
    texts: said[0] === sent[0] && said[1] === sent[1],
    octets: [...new Uint8Array(said[2])],
    extensions: socket.extensions, protocol: socket.protocol, code, reason, wasClean,
  }));
})"""


@test(browser=True)
def browser_talks_by_websocket(place):
    with place.serve("--https", 0) as server, Chromium(place) as browser:
        session = browser.open(server.url() + "/",
                               "location.protocol === 'https:' && document.readyState === 'complete'")
        found = json.loads(browser.evaluate(session, TALK))
        equal(found, {"texts": True, "octets": [0, 1, 254, 255], "extensions": "", "protocol": "", "code": 3001,
                      "reason": "done", "wasClean": True}, "what came of it")
        server.wait_for("CONNECT:websocket /ws 200")  # once both sides of the stream have ended
        line = next(line for line in server.log if "CONNECT:websocket /ws 200" in line)
        page = next(line for line in server.log if " GET / 200" in line)
        equal(line.split(" stream ")[0], page.split(" stream ")[0], "the connection of the WebSocket, and of the page")


@test(browser=True)
def browser_takes_early_hints(place):
    with place.serve("--https", 0, "--early-hints", "--push") as server, Chromium(place) as browser:
        session = browser.open(server.url() + "/",
                               "document.readyState === 'complete' && document.styleSheets.length === 1")
        equal(browser.evaluate(session, "document.styleSheets[0].cssRules.length > 0"), True, "the sheet is applied")
        equal(browser.evaluate(session, "performance.getEntriesByType('navigation')[0].responseStatus"), 200, "status")
        check("PUSH" not in server.text(), "it is pushed to a browser that takes no pushes")
