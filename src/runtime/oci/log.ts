import { appendFileSync, closeSync, openSync } from 'node:fs';
import { OrlopError } from '#errors';
import { describeErrno } from '../sandbox/errno-words.ts';
import { print } from './print.ts';

export type LogLevel = 'debug' | 'warning' | 'error';

/** Where callers look for what went wrong: lines as runc's, which podman, containerd and Docker parse. */
export interface RuntimeLog {
  readonly debugging: boolean;
  write(level: LogLevel, message: string): void;
  /** As an error; when that goes to a file, the bare message goes to standard error as well. */
  fail(message: string): void;
}

export interface LogOptions {
  /** Standard error when absent or empty. */
  readonly file?: string | undefined;
  readonly format?: string | undefined;
  readonly debug?: boolean;
}

/** Fails with invalid-argument `RUNTIME_LOG_FORMAT` for another format than text or json, and with `RUNTIME_LOG_FILE`, as runc says it, when the file cannot be written. */
export function openLog({ file = '', format = 'text', debug = false }: LogOptions): RuntimeLog {
  if (!['', 'text', 'json'].includes(format))
    throw new OrlopError('invalid-argument', 'RUNTIME_LOG_FORMAT', `invalid log-format: ${format}`, { hint: 'use text or json' });
  // Made at once, because callers open it whether or not anything was written.
  if (file !== '') makeFile(file);
  const put = (line: string): void => {
    if (file === '') print(2, line);
    else appendFileSync(file, line);
  };
  const write = (level: LogLevel, message: string): void => {
    if (level !== 'debug' || debug) put(formatLine(level, message, format === 'json', new Date()));
  };
  return {
    debugging: debug,
    write,
    fail(message) {
      write('error', message);
      if (file !== '') print(2, `${message}\n`);
    },
  };
}

function makeFile(file: string): void {
  try {
    closeSync(openSync(file, 'a', 0o644));
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code ?? '';
    throw new OrlopError('invalid-argument', 'RUNTIME_LOG_FILE', `open ${file}: ${describeErrno(errno)}`, { cause: error });
  }
}

export function formatLine(level: LogLevel, message: string, json: boolean, now: Date): string {
  const time = now.toISOString().replace(/\.\d+Z$/, 'Z');
  if (json) return `${JSON.stringify({ level, msg: message, time })}\n`;
  const plain = /^[\w./@^+-]+$/.test(message);
  return `time="${time}" level=${level} msg=${plain ? message : JSON.stringify(message)}\n`;
}
