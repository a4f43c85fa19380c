import { decompress } from '../compression.ts';
import { showByteText } from './byte-text.ts';
import { badTar, type TarEntry } from './header.ts';
import { createTarReader } from './reader.ts';

export interface TarMember {
  readonly entry: TarEntry;
  /** Of a file; what is not read is skipped. A chunk is only good until the next is asked for. */
  readonly content: AsyncIterable<Buffer>;
}

type Event = { readonly entry: TarEntry } | { readonly chunk: Buffer } | 'end of file';

/**
 * An archive member by member, whatever it is packed with, at the reader's pace and with bounded memory. Fails with invalid-argument `STORE_BAD_TAR` and as
 * `decompress` does. Sparse files are refused: image archives have none.
 */
export async function* readTarMembers(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarMember, void, undefined> {
  let events: Event[] = [];
  let at = 0;
  const reader = createTarReader({
    entry: (entry) => void events.push({ entry }),
    data: (chunk) => void events.push({ chunk }),
    endOfFile: () => void events.push('end of file'),
  });
  const chunks = decompress(source)[Symbol.asyncIterator]();
  const next = async (): Promise<Event | null> => {
    while (at === events.length) {
      [events, at] = [[], 0];
      const { done, value } = await chunks.next();
      if (done === true) {
        reader.end();
        return null;
      }
      reader.write(value);
    }
    return events[at++] ?? null;
  };
  try {
    for (let event = await next(); event !== null; event = await next()) {
      if (event === 'end of file' || 'chunk' in event) continue;
      if (event.entry.extents !== undefined) throw badTar(`${showByteText(event.entry.path)} is a sparse file`);
      const content = contentOf(next, event.entry);
      yield { entry: event.entry, content };
      for await (const _ of content);
    }
  } finally {
    // Not awaited: a source that is stuck would hide the error.
    chunks.return?.().catch(() => undefined);
  }
}

/** Can be left and taken up again: whoever stops reading does not end it. */
function contentOf(next: () => Promise<Event | null>, { type }: TarEntry): AsyncIterable<Buffer> {
  let over = type !== 'file';
  const read = async (): Promise<IteratorResult<Buffer, undefined>> => {
    if (over) return { done: true, value: undefined };
    const event = await next();
    if (event !== null && event !== 'end of file' && 'chunk' in event) return { done: false, value: event.chunk };
    over = true;
    return { done: true, value: undefined };
  };
  return { [Symbol.asyncIterator]: () => ({ next: read }) };
}
