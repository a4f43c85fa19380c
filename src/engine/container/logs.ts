import { watch } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { isErrno } from '#errors';
import type { LogRecord, LogRequest } from '../model.ts';

const chunkBytes = 64 * 1024;
/** The monitor splits lines at 16 KiB; JSON escaping makes them at most six times longer. A longer line is not ours and is passed over. */
const lineBytesMax = 256 * 1024;

export interface LogSource {
  readonly path: string;
  /** False once the process has ended and all of its output is in the file. */
  readonly isLive: () => boolean;
  /** Calls back at the process's end; returns how to stop listening. */
  readonly onEnd: (callback: () => void) => () => void;
}

/**
 * Reads a json-file log: what is kept, then, with `follow`, what comes until the process ends or the signal fires. A missing file is an
 * empty log.
 */
export async function* readLog(source: LogSource, request: LogRequest, signal: AbortSignal): AsyncGenerator<LogRecord> {
  await using file = await openLog(source.path);
  if (file === null) return;
  let start = request.tail === undefined ? 0 : await offsetOfTail(file, request.tail);
  const follower = request.follow ? followChanges(source, signal) : null;
  try {
    for (;;) {
      const live = request.follow && source.isLive() && !signal.aborted;
      const reader = readRecords(file, start);
      for (;;) {
        const step = await reader.next();
        if (step.done === true) {
          start = step.value;
          break;
        }
        if (signal.aborted) return;
        if (request.untilNs !== undefined && step.value.timeNs > request.untilNs) return;
        if (wanted(step.value, request)) yield step.value;
      }
      if (!live || follower === null) return;
      await follower.changed();
    }
  } finally {
    follower?.close();
  }
}

async function openLog(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

function wanted(record: LogRecord, request: LogRequest): boolean {
  if (record.stream === 'stdout' ? !request.stdout : !request.stderr) return false;
  return request.sinceNs === undefined || record.timeNs >= request.sinceNs;
}

interface Follower {
  /** Resolves when the file may have grown, the process has ended or the signal has fired. */
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
  const watcher = watch(source.path, { persistent: false }, notify);
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

/** Whole lines from `start` to the end of the file; returns the offset after the last whole line. */
async function* readRecords(file: FileHandle, start: number): AsyncGenerator<LogRecord, number> {
  let offset = start;
  let rest: Buffer = Buffer.alloc(0);
  const chunk = Buffer.allocUnsafe(chunkBytes);
  for (;;) {
    const { bytesRead } = await file.read(chunk, 0, chunkBytes, offset + rest.length);
    if (bytesRead === 0) return offset;
    let text: Buffer = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
    for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10)) {
      const record = parseLogLine(text.subarray(0, end));
      offset += end + 1;
      text = text.subarray(end + 1);
      if (record !== null) yield record;
    }
    if (text.length > lineBytesMax) {
      offset += text.length;
      text = Buffer.alloc(0);
    }
    rest = text;
  }
}

/** One line of Docker's json-file format; null for a line that is none (torn by a crash). */
export function parseLogLine(line: Buffer): LogRecord | null {
  try {
    const value = JSON.parse(line.toString('utf8')) as { log?: unknown; stream?: unknown; time?: unknown };
    if (typeof value.log !== 'string' || typeof value.time !== 'string') return null;
    return {
      stream: value.stream === 'stderr' ? 'stderr' : 'stdout',
      timeNs: parseTimestampNs(value.time),
      data: Buffer.from(value.log, 'utf8'),
    };
  } catch {
    return null;
  }
}

/** RFC 3339 with up to nine decimals, in ns since the epoch. */
export function parseTimestampNs(text: string): bigint {
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (parts === null) throw new RangeError(`not a time: ${text}`);
  const seconds = Date.parse(`${parts[1]}${parts[3]}`) / 1000;
  return BigInt(seconds) * 1_000_000_000n + BigInt((parts[2] ?? '').padEnd(9, '0'));
}

/** Offset of the first of the last `lines` lines, found from the end. */
async function offsetOfTail(file: FileHandle, lines: number): Promise<number> {
  let position = (await file.stat()).size;
  let missing = lines + 1;
  const chunk = Buffer.allocUnsafe(chunkBytes);
  const end = position;
  if (lines === 0) return end;
  while (position > 0) {
    const length = Math.min(chunkBytes, position);
    position -= length;
    await file.read(chunk, 0, length, position);
    for (let index = length - 1; index >= 0; index--) {
      if (chunk[index] === 10 && --missing === 0) return position + index + 1;
    }
  }
  return 0;
}
