const maximumLineBytes = 4096;

/** Takes the chunked coding of RFC 9112 section 7.1 off a body. */
export interface ChunkDecoder {
  /** The data in these bytes, which may be empty. Throws a RangeError for what is no such coding. */
  push(bytes: Buffer): Buffer;
  /** null while more is to come; then what has come beyond the end. */
  readonly beyond: Buffer | null;
}

/**
 * All chunks of a read at once: a log comes with one for each line, and to wait for each by itself takes several times as long. A state is what is expected next: the
 * line with a size, data, the line end behind data, or trailers, which say nothing that we use.
 */
export function createChunkDecoder(): ChunkDecoder {
  let state: 'size' | 'data' | 'end of data' | 'trailers' = 'size';
  let line = '';
  let remaining = 0;
  let beyond: Buffer | null = null;
  const takeLine = (text: string): void => {
    if (state === 'end of data') {
      if (text !== '') throw new RangeError('a chunk longer than it said');
      state = 'size';
    } else if (state === 'trailers') {
      if (text === '') beyond = Buffer.alloc(0);
    } else {
      const size = /^([0-9a-f]{1,12})[ \t]*(?:;.*)?$/i.exec(text)?.[1];
      if (size === undefined) throw new RangeError('a malformed chunk');
      remaining = Number.parseInt(size, 16);
      state = remaining === 0 ? 'trailers' : 'data';
    }
  };
  const push = (bytes: Buffer): Buffer => {
    const data: Buffer[] = [];
    let at = 0;
    while (at < bytes.length && beyond === null) {
      if (state === 'data') {
        const piece = bytes.subarray(at, at + remaining);
        data.push(piece);
        at += piece.length;
        remaining -= piece.length;
        if (remaining === 0) state = 'end of data';
        continue;
      }
      const end = bytes.indexOf(10, at);
      line += bytes.toString('latin1', at, end < 0 ? bytes.length : end);
      if (line.length > maximumLineBytes) throw new RangeError('an endless line');
      if (end < 0) break;
      at = end + 1;
      const whole = line.replace(/\r$/, '');
      line = '';
      takeLine(whole);
    }
    if (beyond !== null) beyond = bytes.subarray(at);
    return data.length === 1 && data[0] !== undefined ? data[0] : Buffer.concat(data);
  };
  return {
    push,
    get beyond() {
      return beyond;
    },
  };
}
