#!/usr/bin/env python3
"""Shows h2 at work: a server on free loopback ports, clients of several kinds, and a table of what came of it.

Ends with an error at the first thing that is not as it should be.
"""

import argparse
import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

UPLOAD_BYTES = 10 * 1000 * 1000
STREAMS = 100
STREAM_BYTES = 100_000
DEADLINE_SECONDS = 60

SUMMARY = re.compile(r'(\d+) streams, (\d+) bytes received, (\d+) bytes sent, ([\d.]+) s')


def fail(line):
    sys.exit(f'demo: {line}')


def step(line):
    print(f'\n-- {line}', flush=True)


def digest(path):
    with open(path, 'rb') as file:
        sha = hashlib.sha256()
        for block in iter(lambda: file.read(1 << 20), b''):
            sha.update(block)
        return sha.hexdigest()


class Server:
    def __init__(self, program, ca_file, log):
        self.process = subprocess.Popen(
            [program, 'serve', '--http', '0', '--https', '0', '--threads', '2', '--write-ca', ca_file],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True)
        self.http = self.listening('http')
        self.https = self.listening('https')

    def listening(self, scheme):
        line = self.process.stdout.readline()
        found = re.fullmatch(r'listening on (\w+)://(\S+):(\d+)\n', line)
        if not found or found[1] != scheme:
            fail(f'the server said {line!r} instead of where it listens')
        print(line, end='')
        # The certificate is for this name too, and names are what browsers send by SNI.
        return f'{scheme}://localhost:{found[3]}'

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            fail('the server did not end within ten seconds')
        if code != 0:
            fail(f'the server ended with exit code {code}')


class Demo:
    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        self.ca_file = self.path('ca.pem')
        self.rows = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *command, expect=0, stdin=None):
        try:
            done = subprocess.run(command, input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                                  capture_output=True, timeout=DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            fail(f'{" ".join(command)}: took more than {DEADLINE_SECONDS} s')
        if expect is not None and done.returncode != expect:
            fail(f'{" ".join(command)}: exit code {done.returncode} and not {expect}\n{done.stderr.decode()}')
        return done

    def get(self, *arguments, expect=0):
        return self.run(self.program, 'get', '--cacert', self.ca_file, *arguments, expect=expect)

    def note(self, what, protocol, streams, size, seconds):
        self.rows.append((what, protocol, str(streams), f'{size:,}', f'{seconds:.3f} s'))

    def note_summary(self, what, protocol, done):
        found = SUMMARY.search(done.stderr.decode())
        if not found:
            fail(f'no summary in {done.stderr.decode()!r}')
        streams, received, sent = int(found[1]), int(found[2]), int(found[3])
        self.note(what, protocol, streams, received + sent, float(found[4]))
        return streams, received, sent

    def page(self, server):
        step('the page')
        for url, flags, protocol in ((server.https + '/', [], 'h2'), (server.http + '/', ['--prior-knowledge'], 'h2c')):
            done = self.get('--summary', *flags, url)
            if f'<strong id="protocol">{protocol}</strong>'.encode() not in done.stdout:
                fail(f'the page at {url} does not say {protocol}')
            print(f'{url} says {protocol}')
            self.note_summary('page', protocol, done)

    def echo(self, server):
        step(f'{UPLOAD_BYTES:,} bytes to /echo and back, with a trailer')
        sent, back = self.path('sent'), self.path('back')
        with open(sent, 'wb') as file:
            file.write(os.urandom(UPLOAD_BYTES))
        checksum = digest(sent)
        done = self.get('--summary', '-i', '-d', '@' + sent, '--trailer', f'x-sha256: {checksum}', '-o', back,
                        server.https + '/echo')
        if digest(back) != checksum:
            fail('what came back is not what was sent')
        if f'trailers stream 1\nx-sha256: {checksum}\n' not in done.stderr.decode():
            fail('the trailer did not come back')
        print(f'sha256 {checksum[:16]}... both ways')
        self.note_summary('echo', 'h2', done)

    def streams(self, server):
        step(f'{STREAMS} streams at once on one connection')
        out = self.path('streams')
        done = self.get('--summary', '--repeat', str(STREAMS), '--concurrency', str(STREAMS), '-o', out,
                        f'{server.https}/bytes/{STREAM_BYTES}')
        counted = self.note_summary('many', 'h2', done)
        if counted[:2] != (STREAMS, STREAMS * STREAM_BYTES) or os.path.getsize(out) != STREAMS * STREAM_BYTES:
            fail(f'{counted} is not {STREAMS} streams of {STREAM_BYTES} bytes')
        print(done.stderr.decode().strip())

    def alpn_by_get(self, server):
        step('ALPN, asked by h2 get')
        for offered, code in (('h2', 0), ('h2,http/1.1', 0), ('http/1.1', 5), ('acme-tls/1', 5)):
            done = self.get('--alpn', offered, server.https + '/bytes/1', expect=code)
            said = done.stderr.decode().strip().removeprefix('h2: ').removeprefix(server.https + ': ')
            print(f'offers {offered:<14} exit code {code}  {said or "h2"}')

    def alpn_by_openssl(self, server):
        step('ALPN, asked by openssl s_client')
        address = server.https.removeprefix('https://')
        cases = ((['-alpn', 'h2'], 'ALPN protocol: h2'),
                 (['-alpn', 'http/1.1'], 'ALPN protocol: http/1.1'),
                 (['-alpn', 'http/1.1,h2'], 'ALPN protocol: h2'),  # the server's order decides
                 ([], 'No ALPN negotiated'),
                 (['-alpn', 'acme-tls/1'], 'no application protocol'))
        for flags, expected in cases:
            done = self.run('openssl', 's_client', '-connect', address, '-servername', 'localhost', '-CAfile', self.ca_file,
                            *flags, expect=None, stdin=b'')
            text = (done.stdout + done.stderr).decode(errors='replace')
            if expected not in text:
                fail(f'openssl s_client {" ".join(flags)} does not say {expected!r}\n{text}')
            print(f'offers {flags[1] if flags else "nothing":<14} {expected}')

    def trace(self, server):
        step('frames of one request, both ways')
        done = self.get('-v', '-H', 'authorization: Basic c2VjcmV0', '-d', 'hello', server.https + '/echo')
        trace = done.stderr.decode()
        if 'c2VjcmV0' in trace or 'sent stream 1 HEADERS' not in trace or done.stdout != b'hello':
            fail('the trace lacks a frame or shows a secret\n' + trace)
        lines = trace.splitlines()
        print('\n'.join('  ' + line for line in lines[:16]))
        if len(lines) > 16:
            print(f'  ... {len(lines) - 16} lines more')

    def curl(self, server):
        step('curl')
        for flag in ('--http2', '--http1.1'):
            began = time.monotonic()
            done = self.run('curl', '-sS', flag, '--cacert', self.ca_file, '-o', '/dev/null',
                            '-w', '%{http_version} %{http_code} %{size_download}', server.https + '/bytes/1000000')
            version, code, size = done.stdout.decode().split()
            if version not in ('2', '1.1') or ('2' in flag) != (version == '2') or (code, size) != ('200', '1000000'):
                fail(f'curl {flag} got {done.stdout.decode()!r}')
            print(f'curl {flag}: HTTP/{version} {code}, {size} bytes')
            self.note('curl', 'h2' if version == '2' else 'http/1.1', 1, int(size), time.monotonic() - began)

    def table(self):
        head = ('what', 'protocol', 'streams', 'bytes', 'time')
        widths = [max(len(row[i]) for row in [head, *self.rows]) for i in range(len(head))]
        print()
        for row in [head, *self.rows]:
            left = [f'{cell:<{width}}' for cell, width in zip(row[:2], widths[:2])]
            right = [f'{cell:>{width}}' for cell, width in zip(row[2:], widths[2:])]
            print('  '.join(left + right))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--h2', required=True, metavar='PATH', help='the program')
    parser.add_argument('--keep', action='store_true', help='leave the server running and print its URLs')
    arguments = parser.parse_args()
    program = os.path.abspath(arguments.h2)
    began = time.monotonic()

    folder = tempfile.mkdtemp(prefix='h2-demo-')
    keep = False
    demo = Demo(program, folder)
    with open(demo.path('server.log'), 'w') as log:
        server = Server(program, demo.ca_file, log)
    try:
        for part in (demo.page, demo.echo, demo.streams, demo.alpn_by_get, demo.alpn_by_openssl, demo.trace, demo.curl):
            part(server)
        demo.table()
        keep = arguments.keep
        if not keep:
            step('the server ends in order')
            server.end()
            print(f'exit code 0; all of it took {time.monotonic() - began:.1f} s')
    finally:
        if not keep:
            if server.process.poll() is None:
                server.process.kill()
            for name in os.listdir(folder):
                os.remove(os.path.join(folder, name))
            os.rmdir(folder)
    if keep:
        print(f'\nstill running:\n  {server.https}/\n  {server.http}/\ncertificate to trust: {demo.ca_file}\n'
              f'log: {demo.path("server.log")}\nend it with: kill {server.process.pid}')


if __name__ == '__main__':
    main()
