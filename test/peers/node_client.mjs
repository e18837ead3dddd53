// Node's HTTP/2 client against a server with GET /, GET /bytes/N and POST /echo.
//
//   node node_client.mjs URL [CA]     exits 0 if all went well, else 1 with a line that says what did not
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';

const [url, ca] = process.argv.slice(2);
const session = http2.connect(url, url.startsWith('https:') ? { ca: readFileSync(ca) } : {});
session.on('error', (error) => fail(error));
const late = setTimeout(() => fail(new Error('nothing moves any more')), 60_000);

function fail(error) {
  console.error(`node client: ${error.stack ?? error}`);
  process.exit(1);
}

async function fetch(fields, { content, trailers } = {}) {
  const request = session.request(fields, { endStream: content === undefined, waitForTrailers: trailers !== undefined });
  const answer = { trailers: undefined };
  request.on('response', (head) => { answer.head = head; });
  request.on('trailers', (section) => { answer.trailers = section; });
  if (trailers) request.on('wantTrailers', () => request.sendTrailers(trailers));
  if (content !== undefined) request.end(content);
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  answer.content = Buffer.concat(pieces);
  return answer;
}

async function manyRequests() {
  const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => fetch({ ':path': `/bytes/${n * 1000}` })));
  answers.forEach((answer, n) => {
    assert.equal(answer.head[':status'], 200);
    assert.equal(answer.content.length, n * 1000);
  });
}

async function uploadWithTrailers() {
  const content = Buffer.from(Array.from({ length: 1 << 20 }, (_, i) => (i * i) >> 5));
  const answer = await fetch({ ':method': 'POST', ':path': '/echo' }, { content, trailers: { 'x-check': 'seven' } });
  assert.equal(answer.head[':status'], 200);
  assert.ok(answer.content.equals(content), 'the echo differs');
  assert.equal(answer.trailers?.['x-check'], 'seven');
}

async function windowsChange() {
  await new Promise((resolve) => session.settings({ initialWindowSize: 1 << 20 }, resolve));
  const answer = await fetch({ ':path': '/bytes/8000000' });
  assert.equal(answer.content.length, 8_000_000);
  await new Promise((resolve) => session.settings({ initialWindowSize: 1000 }, resolve));
  assert.equal((await fetch({ ':path': '/bytes/50000' })).content.length, 50_000);
}

async function cancelled() {
  const request = session.request({ ':path': '/bytes/1000000000' });
  await once(request, 'data');
  request.close(http2.constants.NGHTTP2_CANCEL);
  await once(request, 'close');
  assert.equal((await fetch({ ':path': '/' })).head[':status'], 200);
}

async function ping() {
  const payload = Buffer.from('12345678');
  const echoed = await new Promise((resolve, reject) => {
    session.ping(payload, (error, _, back) => (error ? reject(error) : resolve(back)));
  });
  assert.ok(payload.equals(echoed), 'the PING came back changed');
}

async function statuses() {
  assert.equal((await fetch({ ':path': '/nothing-there' })).head[':status'], 404);
  const head = await fetch({ ':method': 'HEAD', ':path': '/bytes/777' });
  assert.equal(head.head['content-length'], '777');
  assert.equal(head.content.length, 0);
}

async function leave() {
  const running = fetch({ ':path': '/bytes/100000' });
  session.goaway();
  assert.equal((await running).content.length, 100_000);
  session.close();
  await once(session, 'close');
}

try {
  for (const step of [manyRequests, uploadWithTrailers, windowsChange, cancelled, ping, statuses, leave]) await step();
  clearTimeout(late);
} catch (error) {
  fail(error);
}
