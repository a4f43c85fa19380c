import { OrlopError } from '#errors';

/** BuildKit's own bound for one message. */
const longestMessage = 16 * 1024 * 1024;
const prefixBytes = 5;

/** A message as gRPC sends it: a byte that says that it is not compressed, its length, itself (gRPC over HTTP2, "Length-Prefixed-Message"). */
export function frameMessage(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, prefixBytes);
  return framed;
}

/** The messages of a stream, each whole. invalid-argument for one that is compressed or cut short, resource-exhausted for one that is too long. */
export async function* readMessages(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let held: Buffer[] = [];
  let length = 0;
  let wanted = prefixBytes;
  let inBody = false;
  const take = (): Buffer => {
    const all = held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held);
    const rest = all.subarray(wanted);
    held = rest.length === 0 ? [] : [rest];
    length = rest.length;
    return all.subarray(0, wanted);
  };
  for await (const chunk of chunks) {
    held.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    length += chunk.length;
    while (length >= wanted) {
      const part = take();
      if (inBody) yield part;
      else checkPrefix(part);
      wanted = inBody ? prefixBytes : part.readUInt32BE(1);
      inBody = !inBody;
    }
  }
  if (length > 0 || inBody) throw new OrlopError('invalid-argument', 'BUILDKIT_BAD_FRAME', 'a gRPC message is cut short');
}

function checkPrefix(prefix: Buffer): void {
  if (prefix[0] !== 0) throw new OrlopError('unimplemented', 'BUILDKIT_BAD_FRAME', 'compressed gRPC messages are not supported');
  if (prefix.readUInt32BE(1) > longestMessage)
    throw new OrlopError('resource-exhausted', 'BUILDKIT_BAD_FRAME', `a gRPC message is longer than ${longestMessage} bytes`);
}
