// A WebSocket client over HTTP/2 against a server that echoes on /ws.
//
//   node node_websocket.mjs URL [CA]     exits 0 if all went well, else 1 with a line that says what did not
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import { BINARY, CLOSE, CONTINUATION, PING, PONG, Socket, TEXT, close, codeOf, frame } from './websocket.mjs';

const [url, ca] = process.argv.slice(2);
const session = http2.connect(url, url.startsWith('https:') ? { ca: readFileSync(ca) } : {});
session.on('error', (error) => fail(error));
const late = setTimeout(() => fail(new Error('nothing moves any more')), 60_000);

function fail(error) {
  console.error(`node websocket: ${error.stack ?? error}`);
  process.exit(1);
}

const letters = (size) => Buffer.alloc(size, 'abcdefghijklmnopqrstuvwxyz');

async function expect(socket, opcode, payload) {
  const found = await socket.next();
  assert.ok(found, 'the server ended');
  assert.equal(found.opcode, opcode);
  assert.ok(found.fin);
  assert.ok(found.payload.equals(Buffer.from(payload)), `${found.payload.length} octets that differ`);
}

// The server says Close with `code`, then ends its side of the stream.
async function expectClose(socket, code) {
  const found = await socket.next();
  assert.equal(found?.opcode, CLOSE);
  assert.equal(codeOf(found), code);
  assert.equal(await socket.next(), null);
  socket.stream.end();
  await once(socket.stream, 'close');
  assert.equal(socket.stream.rstCode, 0);
}

async function announced() {
  const [settings] = await once(session, 'remoteSettings');
  assert.equal(settings.enableConnectProtocol, true);
}

async function messages() {
  const socket = await Socket.open(session);
  assert.equal(socket.status, 200);
  assert.equal(socket.head['content-length'], undefined);
  assert.equal(socket.head['sec-websocket-protocol'], undefined);
  for (const size of [0, 1, 125, 126, 65535, 65536]) {
    socket.write(frame(BINARY, letters(size)));
    await expect(socket, BINARY, letters(size));
  }
  socket.write(frame(TEXT, 'grüße'));
  await expect(socket, TEXT, 'grüße');
  socket.write(frame(PING, 'still there?'), frame(PONG, 'nobody asked'));
  await expect(socket, PONG, 'still there?');
  socket.write(close(1000, 'done'));
  await expectClose(socket, 1000);
}

async function octetByOctet() {
  const socket = await Socket.open(session);
  for (const octet of Buffer.concat([frame(TEXT, 'slowly'), frame(PING, 'p'), frame(TEXT, letters(200))])) {
    socket.write(Buffer.from([octet]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await expect(socket, TEXT, 'slowly');
  await expect(socket, PONG, 'p');
  await expect(socket, TEXT, letters(200));
  socket.write(close(1000));
  await expectClose(socket, 1000);
}

async function fragments() {
  const socket = await Socket.open(session);
  socket.write(frame(TEXT, 'in ', { fin: false }), frame(PING, 'between'), frame(CONTINUATION, 'three ', { fin: false }),
    frame(CONTINUATION, '', { fin: false }), frame(CONTINUATION, 'parts'));
  await expect(socket, PONG, 'between');
  await expect(socket, TEXT, 'in three parts');
  // One message of the largest size in pieces of an octet: seven times a window of framing.
  const content = letters(65536);
  const pieces = [...content].map((octet, i) => (
    frame(i === 0 ? BINARY : CONTINUATION, [octet], { fin: i === content.length - 1 })));
  socket.write(Buffer.concat(pieces));
  await expect(socket, BINARY, content);
  socket.write(close(1000));
  await expectClose(socket, 1000);
}

async function many() {
  const socket = await Socket.open(session);
  const content = letters(1000);
  for (let n = 0; n < 3000; ++n) socket.write(frame(BINARY, content));
  socket.write(frame(CLOSE, ''));  // is answered behind all the echoes
  for (let n = 0; n < 3000; ++n) await expect(socket, BINARY, content);
  await expectClose(socket, null);
}

async function severalAtOnce() {
  await Promise.all(Array.from({ length: 20 }, async (_, n) => {
    const socket = await Socket.open(session);
    for (let i = 0; i < 20; ++i) {
      socket.write(frame(TEXT, `${n}: ${i}`));
      await expect(socket, TEXT, `${n}: ${i}`);
    }
    socket.write(close(3000 + n));
    await expectClose(socket, 3000 + n);
  }));
}

async function faults() {
  for (const [octets, code] of [
    [frame(BINARY, letters(65537)), 1009],
    [Buffer.concat([frame(BINARY, letters(65536), { fin: false }), frame(CONTINUATION, 'x')]), 1009],
    [frame(TEXT, [0xc0, 0x80]), 1007],
    [frame(TEXT, 'unmasked', { mask: null }), 1002],
    [frame(CONTINUATION, 'of nothing'), 1002],
    [frame(TEXT, 'of an extension that nobody agreed on', { rsv: 4 }), 1002],
    [close(1005), 1002],
    [frame(3, 'of a kind that is not defined'), 1002],
    [frame(PING, letters(126)), null],
  ]) {
    const socket = await Socket.open(session);
    socket.write(frame(TEXT, 'first'), octets, frame(TEXT, 'after the fault'));
    await expect(socket, TEXT, 'first');
    await expectClose(socket, code);
  }
}

// A client that ends its side without Close gets its echoes, and the end.
async function endWithoutClose() {
  const socket = await Socket.open(session);
  socket.write(frame(TEXT, 'last words'), frame(TEXT, 'unfin', { fin: false }));
  socket.stream.end();
  await expect(socket, TEXT, 'last words');
  assert.equal(await socket.next(), null);
}

async function refusals() {
  for (const [path, fields, status] of [
    ['/elsewhere', {}, 404],
    ['/ws', { ':protocol': 'connect-udp' }, 501],
    ['/ws', { 'sec-websocket-version': '8' }, 400],
  ]) {
    const socket = await Socket.open(session, path, fields);
    assert.equal(socket.status, status, `${path} ${JSON.stringify(fields)}`);
    if (status === 400) assert.equal(socket.head['sec-websocket-version'], '13');
    socket.stream.end();
    socket.stream.resume();
    await once(socket.stream, 'close');
  }
}

try {
  for (const step of [announced, messages, octetByOctet, fragments, many, severalAtOnce, faults, endWithoutClose, refusals]) {
    await step();
  }
  session.close();
  clearTimeout(late);
} catch (error) {
  fail(error);
}
