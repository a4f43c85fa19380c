import { existsSync, watch } from 'node:fs';
import type { LogRecord, LogRequest } from '../model.ts';
import { openLogFile, type LogFile } from './file.ts';
import type { ParseRecord } from './record.ts';
import { listRow } from './row.ts';

/** The monitor splits lines at 16 KiB; JSON escaping makes them at most six times longer. A longer line is not ours and is passed over. */
const lineBytesMax = 256 * 1024;

export interface LogSource {
  /** Where the row of files is. */
  readonly directory: string;
  readonly parse: ParseRecord;
  /** False once the process has ended and all of its output is in the files. */
  readonly isLive: () => boolean;
  /** Calls back at the process's end; returns how to stop listening. */
  readonly onEnd: (callback: () => void) => () => void;
}

/** Where reading is: a file of the row, by its number, and how much of it has been read. */
interface Cursor {
  number: number;
  offset: number;
}

/**
 * Reads a log: what is kept, then, with `follow`, what comes until the process ends or the signal fires. A missing directory is an empty log. Whoever follows
 * reads each file to its end before the next, also one that is packed or removed meanwhile; only files that came and went between two looks are missed.
 */
export async function* readLog(source: LogSource, request: LogRequest, signal: AbortSignal): AsyncGenerator<LogRecord> {
  if (!existsSync(source.directory)) return;
  await using row = await holdRow(source.directory);
  request.onOpen?.();
  const cursor = await findStart(row, request.tail);
  const follower = request.follow ? followChanges(source, signal) : null;
  try {
    for (;;) {
      const live = request.follow && source.isLive() && !signal.aborted;
      for await (const record of readRow(source.parse, row, cursor, request)) {
        if (signal.aborted) return;
        if (request.untilNs !== undefined && record.timeNs > request.untilNs) return;
        if (wanted(record, request)) yield record;
      }
      if (!live || follower === null) return;
      await follower.changed();
    }
  } finally {
    follower?.close();
  }
}

function wanted(record: LogRecord, request: LogRequest): boolean {
  if (record.stream === 'stdout' ? !request.stdout : !request.stderr) return false;
  return request.sinceNs === undefined || record.timeNs >= request.sinceNs;
}

/** From the cursor to the end of the last file, where it leaves the cursor. */
async function* readRow(parse: ParseRecord, row: HeldRow, cursor: Cursor, { sinceNs, tail }: LogRequest): AsyncGenerator<LogRecord> {
  const later = (): number | undefined => row.numbers().find((number) => number > cursor.number);
  for (;;) {
    const file = await row.open(cursor.number);
    const closed = later() !== undefined;
    const over = closed && file !== null && tail === undefined && sinceNs !== undefined && (await file.writtenNs()) < sinceNs;
    if (file !== null && !over) yield* readRecords(file, cursor, parse);
    const next = later();
    if (next === undefined) return;
    // The monitor writes nothing to a file once the next one is there; but it may have written between our end and that.
    if (file !== null && !file.packed && !closed) yield* readRecords(file, cursor, parse);
    await row.release(cursor.number);
    Object.assign(cursor, { number: next, offset: 0 });
  }
}

/** Whole lines from the cursor to the end of its file; leaves it behind the last. */
async function* readRecords(file: LogFile, cursor: Cursor, parse: ParseRecord): AsyncGenerator<LogRecord> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of file.bytes(cursor.offset)) {
    let text: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10)) {
      const record = parse(text.subarray(0, end));
      cursor.offset += end + 1;
      text = text.subarray(end + 1);
      if (record !== null) yield record;
    }
    if (text.length > lineBytesMax) {
      cursor.offset += text.length;
      text = Buffer.alloc(0);
    }
    rest = text;
  }
}

/** Before the first file, or where the last lines begin. */
async function findStart(row: HeldRow, tail: number | undefined): Promise<Cursor> {
  let missing = tail;
  if (missing === undefined) return { number: 0, offset: 0 };
  for (const number of row.numbers().toReversed()) {
    const found = await (await row.open(number))?.tail(missing);
    if (found === undefined) continue;
    if ('offset' in found) return { number, offset: found.offset };
    missing -= found.lines;
  }
  return { number: 0, offset: 0 };
}

/** The files of a row that are to be read. Those that are open are there to the end, whatever becomes of their names. */
interface HeldRow extends AsyncDisposable {
  /** Of files that are open or in the directory, in order. */
  numbers(): number[];
  /** null: there is none, or none any more. */
  open(number: number): Promise<LogFile | null>;
  /** It has been read. */
  release(number: number): Promise<void>;
}

/** Descriptors of one reader; of a longer row the rest is opened when it is its turn. */
const heldMax = 16;

/** Opens what is there at this moment, so that a container that is removed meanwhile has its log read to the end. */
async function holdRow(directory: string): Promise<HeldRow> {
  const held = new Map<number, LogFile>();
  const release = async (number: number): Promise<void> => {
    const file = held.get(number);
    held.delete(number);
    await file?.[Symbol.asyncDispose]();
  };
  const row: HeldRow = {
    numbers: () => [...new Set([...held.keys(), ...listRow(directory)])].toSorted((one, other) => one - other),
    async open(number) {
      const file = held.get(number) ?? (await openLogFile(directory, number));
      if (file !== null) held.set(number, file);
      return file;
    },
    release,
    async [Symbol.asyncDispose]() {
      for (const number of held.keys()) await release(number);
    },
  };
  for (const number of listRow(directory).slice(-heldMax)) await row.open(number);
  return row;
}

interface Follower {
  /** Resolves when the files may have grown, the process has ended or the signal has fired. */
  changed(): Promise<void>;
  close(): void;
}

function followChanges(source: LogSource, signal: AbortSignal): Follower {
  let dirty = false;
  let wake = (): void => {};
  const notify = (): void => {
    dirty = true;
    wake();
  };
  const watcher = watch(source.directory, { persistent: false }, notify);
  watcher.on('error', notify);
  const forget = source.onEnd(notify);
  signal.addEventListener('abort', notify);
  return {
    async changed() {
      if (!dirty) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      dirty = false;
    },
    close() {
      watcher.close();
      forget();
      signal.removeEventListener('abort', notify);
    },
  };
}
