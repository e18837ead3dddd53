// WebSocket frames (RFC 6455 5) made by hand, over a stream of Node's HTTP/2 client (RFC 8441).
import { once } from 'node:events';

export const TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10, CONTINUATION = 0;

// A frame as a client sends it: masked, unless `mask` is null.
export function frame(opcode, payload, { fin = true, mask = Buffer.from([1, 2, 3, 4]), rsv = 0 } = {}) {
  const content = Buffer.from(payload);
  const length = content.length < 126 ? [content.length]
    : content.length < 65536 ? [126, content.length >> 8, content.length & 255]
      : [127, 0, 0, 0, 0, content.length >>> 24, content.length >> 16 & 255, content.length >> 8 & 255, content.length & 255];
  const head = Buffer.from([(fin ? 0x80 : 0) | rsv << 4 | opcode, ...length]);
  if (mask === null) return Buffer.concat([head, content]);
  head[1] |= 0x80;
  return Buffer.concat([head, mask, content.map((octet, i) => octet ^ mask[i % 4])]);
}

export function close(code, reason = '') {
  return frame(CLOSE, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]));
}

// The code of a Close frame, or null where it has none.
export const codeOf = ({ payload }) => (payload.length < 2 ? null : payload.readUInt16BE(0));

export class Socket {
  static async open(session, path = '/ws', fields = {}) {
    const socket = new Socket();
    socket.stream = session.request({
      ':method': 'CONNECT', ':protocol': 'websocket', ':path': path, 'sec-websocket-version': '13', ...fields,
    }, { endStream: false });
    socket.reader = socket.stream[Symbol.asyncIterator]();
    socket.buffer = Buffer.alloc(0);
    const [head] = await once(socket.stream, 'response');
    socket.status = head[':status'];
    socket.head = head;
    return socket;
  }

  write(...frames) {
    for (const octets of frames) this.stream.write(octets);
  }

  // The next frame, or null where the server has ended its side.
  async next() {
    const [, length] = await this.#peek(2) ?? [];
    if (length === undefined) return null;
    if (length & 0x80) throw new Error('a frame of the server is masked');
    const head = length < 126 ? 2 : length === 126 ? 4 : 10;
    const begin = await this.#peek(head);
    const size = length < 126 ? length : length === 126 ? begin.readUInt16BE(2) : Number(begin.readBigUInt64BE(2));
    const whole = await this.#peek(head + size);
    this.buffer = this.buffer.subarray(head + size);
    return { opcode: whole[0] & 15, fin: whole[0] >> 7 === 1, payload: whole.subarray(head, head + size) };
  }

  async #peek(size) {
    while (this.buffer.length < size) {
      const { value, done } = await this.reader.next();
      if (done) {
        if (this.buffer.length !== 0) throw new Error('the server ended within a frame');
        return null;
      }
      this.buffer = Buffer.concat([this.buffer, value]);
    }
    return this.buffer.subarray(0, size);
  }
}
