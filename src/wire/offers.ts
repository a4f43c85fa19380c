import { OrlopError } from '#errors';

/** A directory that is offered as a context: what is in it is told first, and only what the engine does not have from an earlier build is sent, as a tar or in another way. */
export interface OfferedContext<Sent = AsyncIterable<Uint8Array>> extends Offer {
  /** All of it, directories before what is in them. */
  list(): AsyncIterable<OfferedFile>;
  /** The files at these positions of the list, in order. To be called once, when the list was read; to be read to its end. */
  take(wanted: readonly number[]): Sent;
}

export interface Offer {
  /** Means this directory, among those of all clients. */
  readonly key: string;
  /** For people. */
  readonly name: string;
}

export interface OfferedFile {
  readonly path: string;
  /** Another one whenever the file is another. Empty: it may change without that. */
  readonly stamp: string;
}

const linesAtOnce = 1000;
/** As many files may a context have. */
const mostFiles = 2_000_000;
const longestLine = 64 * 1024;

/** The list on the wire: a line of JSON a file, and an empty line. Returns how many there were. */
export async function* encodeOfferedFiles(files: AsyncIterable<OfferedFile>): AsyncGenerator<Uint8Array, number> {
  const encoder = new TextEncoder();
  let lines: string[] = [];
  let told = 0;
  for await (const { path, stamp } of files) {
    told++;
    if (lines.push(JSON.stringify([path, stamp])) < linesAtOnce) continue;
    yield encoder.encode(`${lines.join('\n')}\n`);
    lines = [];
  }
  yield encoder.encode(`${lines.map((line) => `${line}\n`).join('')}\n`);
  return told;
}

/** Reads a list up to its empty line; what follows is left in the source. Invalid-argument for what is none. */
export async function* decodeOfferedFiles(source: AsyncIterator<Uint8Array>): AsyncGenerator<OfferedFile> {
  const decoder = new TextDecoder();
  let rest = '';
  for (let told = 0; ; ) {
    const { value, done } = await source.next();
    if (done === true) throw bad('it ends before its list does');
    const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > longestLine) throw bad('one of its lines has no end');
    for (const [index, line] of lines.entries()) {
      if (line === '') {
        if (index < lines.length - 1 || rest !== '') throw bad('something follows its list');
        return;
      }
      if (++told > mostFiles)
        throw new OrlopError('resource-exhausted', 'WIRE_TOO_MANY_FILES', `the build context has more than ${mostFiles} files`, {
          hint: 'leave files out with a .dockerignore',
        });
      yield parseFile(line);
    }
  }
}

function parseFile(line: string): OfferedFile {
  try {
    const [path, stamp] = JSON.parse(line) as unknown[];
    if (typeof path === 'string' && typeof stamp === 'string') return { path, stamp };
  } catch {
    // Said below.
  }
  throw bad('a line of its list is not a file');
}

/** Positions, ascending, as pairs of the first and how many follow each other. */
export function encodePositions(positions: readonly number[]): number[] {
  const runs: number[] = [];
  let next = -1;
  for (const position of positions) {
    if (position === next) runs.push((runs.pop() ?? 0) + 1);
    else runs.push(position, 1);
    next = position + 1;
  }
  return runs;
}

/** Of `count` files. Data-loss for positions that there are not. */
export function decodePositions(runs: readonly number[], count: number): number[] {
  const positions: number[] = [];
  for (let at = 0; at + 1 < runs.length; at += 2) {
    const [first = 0, length = 0] = runs.slice(at, at + 2);
    if (!Number.isInteger(first) || !Number.isInteger(length) || first < (positions.at(-1) ?? -1) + 1 || first + length > count)
      throw new OrlopError('data-loss', 'WIRE_BAD_POSITIONS', 'the engine asks for files of the context that there are not');
    for (let position = first; position < first + length; position++) positions.push(position);
  }
  return positions;
}

function bad(why: string): OrlopError {
  return new OrlopError('invalid-argument', 'WIRE_BAD_CONTEXT', `the build context is not a list of files: ${why}`);
}
