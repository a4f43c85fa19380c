import { OrlopError } from '#errors';

/** Tar as POSIX.1-2001 (pax) has it, for archives of one regular file: what is told of a file by its bytes alone. */
export interface FileHeader {
  readonly name: string;
  readonly sizeBytes: number;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

const blockBytes = 512;
const longestName = 100;
/** Longer records are nobody's. */
const largestRecords = 1024 * 1024;
const encoder = new TextEncoder();

/** An archive of one file. data-loss when the content is shorter or longer than it was said to be. */
export async function* packFile(header: FileHeader, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const name = encoder.encode(header.name);
  if (name.length > longestName) {
    const records = encoder.encode(recordOf('path', header.name));
    yield formatHeader({ ...header, name: 'PaxHeader', sizeBytes: records.length }, 'x');
    yield padded(records);
  }
  yield formatHeader(header, '0');
  let sent = 0;
  for await (const piece of content) {
    sent += piece.length;
    if (sent > header.sizeBytes) break;
    yield piece;
  }
  if (sent !== header.sizeBytes)
    throw new OrlopError('data-loss', 'LIBRARY_WRONG_SIZE', `the content of ${header.name} is not ${header.sizeBytes} bytes long`);
  yield new Uint8Array(-sent & (blockBytes - 1));
  yield new Uint8Array(2 * blockBytes);
}

/** `LENGTH KEY=VALUE\n`, where the length counts itself. */
function recordOf(key: string, value: string): string {
  const body = ` ${key}=${value}\n`;
  const bytes = encoder.encode(body).length;
  const length = bytes + String(bytes).length;
  return `${bytes + String(length).length}${body}`;
}

function formatHeader({ name, sizeBytes, mode, uid, gid }: FileHeader, type: '0' | 'x'): Uint8Array {
  const block = new Uint8Array(blockBytes);
  const put = (at: number, text: string): void => block.set(encoder.encode(text), at);
  const octal = (value: number, digits: number): string => {
    const text = Number.isInteger(value) && value >= 0 ? value.toString(8) : '';
    if (text !== '' && text.length <= digits) return `${text.padStart(digits, '0')}\0`;
    throw new OrlopError('invalid-argument', 'LIBRARY_BAD_NUMBER', `${value} of ${name} is no number that a tar header can say`);
  };
  block.set(encoder.encode(name).subarray(0, longestName));
  put(100, octal(mode & 0o7777, 7));
  put(108, octal(uid, 7));
  put(116, octal(gid, 7));
  put(124, octal(sizeBytes, 11));
  put(136, octal(Math.floor(Date.now() / 1000), 11));
  put(148, ' '.repeat(8));
  put(156, type);
  put(257, 'ustar\u000000');
  put(
    148,
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
  );
  return block;
}

function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(Math.ceil(bytes.length / blockBytes) * blockBytes);
  whole.set(bytes);
  return whole;
}

/** The content of the first regular file of an archive, as it comes. failed-precondition when its first entry is something else. */
export async function* unpackFile(archive: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<Uint8Array> {
  const source = createReader(archive);
  try {
    let size: number | null = null;
    for (;;) {
      const block = await source.exactly(blockBytes, path);
      const type = String.fromCharCode(block[156] ?? 0);
      const length = numberAt(block, 124, 12);
      if (type === 'x' || type === 'g') {
        if (length > largestRecords) throw damaged(path);
        const records = await source.exactly(Math.ceil(length / blockBytes) * blockBytes, path);
        const said = /(?:^|\n)\d+ size=(\d+)\n/.exec(new TextDecoder().decode(records.subarray(0, length)))?.[1];
        if (type === 'x' && said !== undefined) size = Number(said);
        continue;
      }
      if (type !== '0' && type !== '\0') throw notAFile(path);
      yield* source.upTo(size ?? length, path);
      return;
    }
  } finally {
    await source.close();
  }
}

/** Octal digits, or, with the first bit set, the bytes of the number itself. */
function numberAt(block: Uint8Array, at: number, length: number): number {
  const field = block.subarray(at, at + length);
  if (((field[0] ?? 0) & 0x80) !== 0) return field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
  return Number.parseInt(new TextDecoder().decode(field).replaceAll('\0', ' ').trim() || '0', 8);
}

function createReader(archive: AsyncIterable<Uint8Array>) {
  const chunks = archive[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  const some = async (path: string): Promise<Uint8Array> => {
    if (rest.length > 0) return rest;
    const { value, done } = await chunks.next();
    if (done === true) throw damaged(path);
    return value;
  };
  return {
    async exactly(length: number, path: string): Promise<Uint8Array> {
      const whole = new Uint8Array(length);
      for (let filled = 0; filled < length; ) {
        const chunk = await some(path);
        const take = Math.min(chunk.length, length - filled);
        whole.set(chunk.subarray(0, take), filled);
        rest = chunk.subarray(take);
        filled += take;
      }
      return whole;
    },
    async *upTo(length: number, path: string): AsyncGenerator<Uint8Array> {
      for (let left = length; left > 0; ) {
        const chunk = await some(path);
        const take = Math.min(chunk.length, left);
        rest = chunk.subarray(take);
        left -= take;
        if (take > 0) yield chunk.subarray(0, take);
      }
    },
    close: async (): Promise<void> => void (await chunks.return?.()),
  };
}

function damaged(path: string): OrlopError {
  return new OrlopError('data-loss', 'LIBRARY_BAD_ARCHIVE', `the archive of ${path} is cut or damaged`);
}

function notAFile(path: string): OrlopError {
  return new OrlopError('failed-precondition', 'LIBRARY_NOT_A_FILE', `${path} is not a regular file`, {
    hint: 'directories, links and devices come as a tar: files.pack',
  });
}
