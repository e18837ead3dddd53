"""TLS and ALPN: what `h2 serve` answers to each offer, and what `h2 get` makes of each answer."""
import socket
import ssl
import threading

import raw
from harness import Failed, check, equal, need, run, test


def s_client(place, *arguments, stdin=b"", code=None):
    host, port = place.server.address("https")
    said = run([need("openssl"), "s_client", "-connect", f"{host}:{port}", "-CAfile", place.ca, "-verify_return_error",
                "-servername", "localhost", *arguments], stdin=stdin, code=code)
    return said.stdout + said.stderr


@test
def alpn_matrix(place):
    for version in ["-tls1_2", "-tls1_3"]:
        for offer, chosen in [("h2", "h2"), ("h2,http/1.1", "h2"), ("http/1.1,h2", "h2"), ("http/1.1", "http/1.1"),
                              ("h3,http/1.1", "http/1.1"), ("h2c,h2", "h2")]:
            said = s_client(place, version, "-alpn", offer)
            check(f"ALPN protocol: {chosen}\n" in said, version, offer, "did not give", chosen)
            check("Verify return code: 0 (ok)" in said, version, "the certificate does not verify")
        for offer in ["h3", "H2", "http2", "h2c", "http/1.0,spdy/3"]:
            said = s_client(place, version, "-alpn", offer)
            check("alert no application protocol" in said, version, offer, "was not refused with alert 120")
        said = s_client(place, version)
        check("No ALPN negotiated" in said and "Verify return code: 0 (ok)" in said, version, "without ALPN")


@test
def no_alpn_means_http1(place):
    said = s_client(place, "-quiet", stdin=b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    check("HTTP/1.1 200" in said, "no answer:", said[-200:])


@test
def old_tls_and_weak_suites_are_refused(place):
    said = s_client(place, "-tls1_1", "-cipher", "ALL@SECLEVEL=0", "-alpn", "h2")
    check("ALPN protocol: h2" not in said and "Cipher is (NONE)" in said, "TLS 1.1 is spoken")
    for cipher in ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-SHA256"]:  # RFC 9113 9.2.2
        said = s_client(place, "-tls1_2", "-cipher", cipher, "-alpn", "h2")
        check("Cipher is (NONE)" in said, cipher, "is spoken under h2")


def tls_connect(place, *protocols, trust=True):
    context = ssl.create_default_context(cafile=str(place.ca) if trust else None)
    context.set_alpn_protocols(list(protocols))
    bare = socket.create_connection(place.server.address("https"), 10)
    return context.wrap_socket(bare, server_hostname="localhost")


def read_all(peer):
    octets = b""
    try:
        while more := peer.recv(65536):
            octets += more
    except TimeoutError:
        raise Failed("the server did not end the connection") from None
    return octets


@test
def http1_behind_h2_is_told_so(place):
    with tls_connect(place, "h2") as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        said = read_all(peer)
        check(b"HTTP/1.1" not in said[:8], "it was answered as HTTP/1.1")


@test
def h2_behind_http1_is_refused(place):
    with tls_connect(place, "http/1.1") as peer:
        peer.sendall(raw.PREFACE + raw.frame(raw.SETTINGS))
        check(raw.frame(raw.SETTINGS, raw.ACK) not in read_all(peer), "h2 is spoken although http/1.1 was chosen")


@test
def sessions_are_resumed(place):
    session = place.path("session")
    for version in ["-tls1_2", "-tls1_3"]:
        request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"  # TLS 1.3 tickets come with the answer
        s_client(place, version, "-alpn", "http/1.1", "-ign_eof", "-sess_out", session, stdin=request)
        said = s_client(place, version, "-alpn", "h2", "-sess_in", session)
        check("Reused, " in said, version, "the session is not resumed")
        check("ALPN protocol: h2\n" in said, version, "ALPN is not negotiated anew")


class TlsServer:
    """Accepts one connection after the other and offers `protocols`; what the client then says is kept."""

    def __init__(self, place, *protocols):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*place.certificate)
        if protocols:
            self.context.set_alpn_protocols(list(protocols))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.said = b""
        threading.Thread(target=self._serve, daemon=True).start()
        self.url = f"https://127.0.0.1:{self.listener.getsockname()[1]}/"

    def _serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            try:
                peer.settimeout(10)
                with self.context.wrap_socket(peer, server_side=True) as secure:
                    while more := secure.recv(65536):
                        self.said += more
            except OSError:  # SSLError is one
                peer.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.listener.close()


@test
def get_insists_on_h2(place):
    for protocols in [("http/1.1",), ()]:
        with TlsServer(place, *protocols) as server:
            said = run([place.h2, "get", "--cacert", place.certificate[0], server.url], code=5)
            equal(len(said.stderr.strip().splitlines()), 1, f"lines of the error {said.stderr!r}")
            equal(server.said, b"", "what was said before the failure")


@test
def get_takes_alert_120_for_alpn(place):
    host, port = place.server.address("https")
    said = run([place.h2, "get", "--cacert", place.ca, "--alpn", "h3", f"https://{host}:{port}/"], code=None)
    check(said.returncode in (2, 5), "exit code", said.returncode)


@test
def get_verifies_certificate_and_name(place):
    host, port = place.server.address("https")
    run([place.h2, "get", "--cacert", place.ca, f"https://localhost:{port}/"])
    run([place.h2, "get", "--cacert", place.ca, f"https://{host}:{port}/"])
    run([place.h2, "get", "-k", f"https://{host}:{port}/"])
    for arguments in [[f"https://{host}:{port}/"], ["--cacert", place.certificate[0], f"https://{host}:{port}/"],
                      ["--cacert", place.ca, f"https://127.0.0.2:{port}/"]]:
        if "127.0.0.2" in arguments[-1]:
            with place.serve("--host", "127.0.0.2", "--https", 0, "--write-ca", place.path("two.pem")) as server:
                run([place.h2, "get", "--cacert", place.path("two.pem"), server.url() + "/"], code=4)
        else:
            said = run([place.h2, "get", *arguments], code=4)
            equal(len(said.stderr.strip().splitlines()), 1, f"lines of the error {said.stderr!r}")
