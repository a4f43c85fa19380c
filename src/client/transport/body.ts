import type { AnswerHead } from './head.ts';
import type { ByteReader } from './byte-reader.ts';
import { createChunkDecoder } from './chunks.ts';

/** The bytes of an answer's body: by length, in chunks (RFC 9112 section 7.1), or up to the end of the connection. Throws a RangeError when it is cut or malformed. */
export async function* readBody(reader: ByteReader, head: AnswerHead, method: string): AsyncGenerator<Buffer> {
  if (hasNoBody(head, method)) return;
  const length = head.headers.get('content-length');
  if (head.headers.get('transfer-encoding')?.toLowerCase() === 'chunked') yield* readChunked(reader);
  else if (length === undefined) yield* readToEnd(reader);
  else yield* readExactly(reader, parseLength(length));
}

/** True when the next answer may follow on the same connection. */
export function keepsAlive(head: AnswerHead, method: string): boolean {
  if (head.headers.get('connection')?.toLowerCase() === 'close') return false;
  return hasNoBody(head, method) || head.headers.has('content-length') || head.headers.has('transfer-encoding');
}

function hasNoBody(head: AnswerHead, method: string): boolean {
  return method === 'HEAD' || head.status === 204 || head.status === 304 || head.status < 200;
}

function parseLength(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new RangeError('a malformed length');
  return Number(text);
}

async function* readToEnd(reader: ByteReader): AsyncGenerator<Buffer> {
  for (let chunk = await reader.read(); chunk !== null; chunk = await reader.read()) yield chunk;
}

async function* readExactly(reader: ByteReader, length: number): AsyncGenerator<Buffer> {
  let remaining = length;
  while (remaining > 0) {
    const chunk = await readSome(reader);
    if (chunk.length > remaining) reader.unread(chunk.subarray(remaining));
    const part = chunk.subarray(0, remaining);
    remaining -= part.length;
    yield part;
  }
}

async function* readChunked(reader: ByteReader): AsyncGenerator<Buffer> {
  const decoder = createChunkDecoder();
  while (decoder.beyond === null) {
    const data = decoder.push(await readSome(reader));
    if (decoder.beyond !== null) reader.unread(decoder.beyond);
    if (data.length > 0) yield data;
  }
}

async function readSome(reader: ByteReader): Promise<Buffer> {
  const chunk = await reader.read();
  if (chunk === null) throw new RangeError('half an answer');
  return chunk;
}
