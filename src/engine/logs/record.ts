import type { LogRecord } from '../model.ts';
import type { LogDriver } from './config.ts';

/** One line of a log file; null for a line that is none (torn by a crash). */
export type ParseRecord = (line: Buffer) => LogRecord | null;

export function recordParser(driver: LogDriver): ParseRecord {
  return driver === 'local' ? parsePlainLine : parseJsonLine;
}

/** Docker's json-file format. */
export function parseJsonLine(line: Buffer): LogRecord | null {
  try {
    const value = JSON.parse(line.toString('utf8')) as { log?: unknown; stream?: unknown; time?: unknown; attrs?: unknown };
    if (typeof value.log !== 'string' || typeof value.time !== 'string') return null;
    const { attrs } = value;
    return {
      stream: value.stream === 'stderr' ? 'stderr' : 'stdout',
      timeNs: parseTimestampNs(value.time),
      data: Buffer.from(value.log, 'utf8'),
      ...(typeof attrs === 'object' && attrs !== null ? { attributes: attrs as Record<string, string> } : {}),
    };
  } catch {
    return null;
  }
}

const space = 0x20;

/** `TIME STREAM F|P TEXT`, as Kubernetes' runtimes write logs: F when the line ended there. */
export function parsePlainLine(line: Buffer): LogRecord | null {
  const [first, second] = [line.indexOf(space), line.indexOf(space, line.indexOf(space) + 1)];
  if (first < 0 || second < 0 || line[second + 2] !== space) return null;
  const stream = line.toString('latin1', first + 1, second);
  const kind = line.toString('latin1', second + 1, second + 2);
  if ((stream !== 'stdout' && stream !== 'stderr') || (kind !== 'F' && kind !== 'P')) return null;
  const text = line.subarray(second + 3);
  try {
    const timeNs = parseTimestampNs(line.toString('latin1', 0, first));
    return { stream, timeNs, data: kind === 'F' ? Buffer.concat([text, Buffer.from('\n')]) : Buffer.from(text) };
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
