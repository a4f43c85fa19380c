import type { Exchange } from '#api/http';

/**
 * Answers with a tar. Nothing is sent before its first bytes are there: what is wrong until then is an error with its own status. What fails later cuts the
 * connection, so that half an archive never looks whole.
 */
export async function sendArchive(
  exchange: Exchange,
  archive: AsyncIterable<Uint8Array>,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const iterator = archive[Symbol.asyncIterator]();
  try {
    let next = await iterator.next();
    const out = exchange.stream(200, 'application/x-tar', headers);
    for (; next.done !== true; next = await iterator.next()) {
      if (exchange.signal.aborted) return;
      await out.write(next.value);
    }
  } finally {
    await iterator.return?.();
  }
}
