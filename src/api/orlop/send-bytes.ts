import type { Exchange } from '#api/http';

/** Answers with bytes as they come. What fails before the first of them is an error like others; later the connection breaks, so that half never looks whole. */
export async function sendBytes(exchange: Exchange, contentType: string, source: AsyncIterable<Uint8Array>): Promise<void> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    let next = await iterator.next();
    const out = exchange.stream(200, contentType);
    for (; next.done !== true && !exchange.signal.aborted; next = await iterator.next()) await out.write(next.value);
  } finally {
    await iterator.return?.();
  }
}
