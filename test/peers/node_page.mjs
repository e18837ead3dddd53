// Node's HTTP/2 client on one page: what came before the response, beside it and with it, as a line of JSON.
//
//   node node_page.mjs URL CA [no-push]
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';

const [url, ca, noPush] = process.argv.slice(2);
const { origin, pathname } = new URL(url);
const session = http2.connect(origin, {
  settings: { enablePush: noPush === undefined },
  ...(url.startsWith('https:') ? { ca: readFileSync(ca) } : {}),
});
const fail = (error) => {
  console.error(`node page: ${error.stack ?? error}`);
  process.exit(1);
};
session.on('error', fail);
setTimeout(() => fail(new Error('nothing moves any more')), 30_000).unref();

async function whole(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

const seen = { order: [], early: [], pushed: [] };
const pushes = [];
session.on('stream', (pushed, request) => {
  seen.order.push('push');
  pushes.push((async () => {
    const head = new Promise((resolve) => pushed.on('push', resolve));
    const content = await whole(pushed);
    const { ':status': status, 'content-type': type } = await head;
    seen.pushed.push({ path: request[':path'], status, type, content });
  })());
});
const request = session.request({ ':path': pathname });
request.on('headers', (head) => {
  seen.order.push('early');
  seen.early.push({ status: head[':status'], link: head.link });
});
request.on('response', (head) => {
  seen.order.push('response');
  seen.status = head[':status'];
});
seen.content = await whole(request);
await Promise.all(pushes);
console.log(JSON.stringify(seen));
session.close();
