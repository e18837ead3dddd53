// Twenty uploads at once from Node's HTTP/2 client, each compared with its echo.
//
//   node node_echo.mjs URL
import assert from 'node:assert/strict';
import http2 from 'node:http2';

const session = http2.connect(process.argv[2]);
session.on('error', fail);
setTimeout(() => fail(new Error('nothing moves any more')), 60_000).unref();

function fail(error) {
  console.error(`node echo: ${error.stack ?? error}`);
  process.exit(1);
}

async function echo(seed) {
  const content = Buffer.alloc(200_000, `content of upload ${seed}, `);
  const request = session.request({ ':method': 'POST', ':path': '/echo' });
  request.end(content);
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  assert.ok(Buffer.concat(pieces).equals(content), `echo ${seed} differs`);
}

try {
  await Promise.all(Array.from({ length: 20 }, (_, n) => echo(n)));
  session.close();
} catch (error) {
  fail(error);
}
