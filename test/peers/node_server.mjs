// Node's HTTP/2 server, with and without TLS, for clients to be tested against.
//
//   node node_server.mjs CERT KEY     prints `listening on URL` twice
//
//   /           text            /bytes/N    N letters          /echo       what came, and its trailers
//   /status/N   that status     /early      a 103 before       /reset      RST_STREAM in the middle of the content
//   /last       a GOAWAY with the answer    /slow       the answer after a second
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';

const [cert, key] = process.argv.slice(2);
const letters = 'abcdefghijklmnopqrstuvwxyz'.repeat(4000);

function bytes(stream, left) {
  const more = () => {
    while (left > 0) {
      const piece = letters.slice(0, Math.min(left, letters.length));
      left -= piece.length;
      if (left === 0) return stream.end(piece);
      if (!stream.write(piece)) return stream.once('drain', more);
    }
    stream.end();
  };
  more();
}

function echo(stream) {
  let trailers = {};
  stream.on('trailers', (section) => { trailers = section; });
  stream.respond({ ':status': 200 }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ ...trailers }));
  stream.pipe(stream);
}

function answer(stream, fields) {
  stream.on('error', () => {});
  const path = fields[':path'];
  const number = Number(path.split('/')[2]);
  if (path === '/echo') return echo(stream);
  if (path === '/early') stream.additionalHeaders({ ':status': 103, link: '</style.css>; rel=preload' });
  if (path === '/slow') return setTimeout(() => stream.respond() || stream.end('slow\n'), 1000);
  if (path === '/last') stream.session.goaway();
  stream.respond({ ':status': path.startsWith('/status/') ? number : 200, 'content-type': 'text/plain' });
  if (path.startsWith('/bytes/')) return bytes(stream, number);
  if (path === '/reset') {
    stream.write('half');
    return setTimeout(() => stream.destroy(new Error('as asked')), 50);
  }
  stream.end(`${fields[':method']} ${path}\n`);
}

for (const [scheme, server] of [
  ['http', http2.createServer()],
  ['https', http2.createSecureServer({ cert: readFileSync(cert), key: readFileSync(key) })],
]) {
  server.on('stream', answer);
  server.on('sessionError', () => {});
  server.listen(0, '127.0.0.1', () => console.log(`listening on ${scheme}://127.0.0.1:${server.address().port}`));
}
process.on('SIGTERM', () => process.exit(0));
