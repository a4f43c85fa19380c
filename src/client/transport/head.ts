import type { ByteReader } from './byte-reader.ts';

const maximumHeadBytes = 64 * 1024;

export interface AnswerHead {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

/** Reads up to the empty line. null: the connection ended before a byte came. Throws a RangeError for what is not HTTP/1.1, a plain end in the middle too. */
export async function readHead(reader: ByteReader): Promise<AnswerHead | null> {
  let bytes: Buffer = Buffer.alloc(0);
  for (;;) {
    const chunk = await reader.read();
    if (chunk === null) {
      if (bytes.length === 0) return null;
      throw new RangeError('half an answer');
    }
    const from = Math.max(0, bytes.length - 3);
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    const end = bytes.indexOf('\r\n\r\n', from, 'latin1');
    if (end >= 0) {
      reader.unread(bytes.subarray(end + 4));
      return parseHead(bytes.toString('latin1', 0, end));
    }
    if (bytes.length > maximumHeadBytes) throw new RangeError('an endless head');
  }
}

export function parseHead(text: string): AnswerHead {
  const [first = '', ...lines] = text.split('\r\n');
  const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first)?.[1];
  if (status === undefined) throw new RangeError('something that is not HTTP');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const mark = line.indexOf(':');
    if (mark <= 0) throw new RangeError('a malformed header');
    headers.set(line.slice(0, mark).toLowerCase(), line.slice(mark + 1).trim());
  }
  return { status: Number(status), headers };
}
