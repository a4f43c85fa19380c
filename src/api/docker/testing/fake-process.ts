import { constants } from 'node:os';
import { Duplex } from 'node:stream';
import { encodeFrame } from '#wire';
import type { AttachedStream, LogRecord } from '../containers/backend.ts';

export interface FakeProcess {
  readonly exited: Promise<number>;
  readonly log: readonly LogRecord[];
  readonly size: { rows: number; columns: number };
  resize(rows: number, columns: number): void;
  attach(wanted: { stdin: boolean; stdout: boolean; stderr: boolean }): AttachedStream;
  /** Begins to run the command. */
  run(): void;
  /** Ends it as a signal would. */
  signal(number: number): void;
  onRecord(listener: (record: LogRecord) => void): () => void;
}

/** Ends of connections that carry a process's streams in a test: what the engine's attach gives. */
interface Client {
  readonly duplex: Duplex;
  readonly wanted: { stdout: boolean; stderr: boolean };
}

/** What a process that installs no handlers survives: signal(7). */
const ignoredSignals = new Set([
  constants.signals.SIGCHLD,
  constants.signals.SIGCONT,
  constants.signals.SIGURG,
  constants.signals.SIGWINCH,
]);

/** A process made of JavaScript: `echo`, `cat`, `fail` (says something on stderr, ends with its argument), `sleep` (until it is signalled), `size` and
 * `sizes` (says each new size, until it is signalled) and `talk` (says its words, then stays). */
export function createFakeProcess(
  command: readonly string[],
  options: { terminal: boolean; rows?: number; columns?: number },
): FakeProcess {
  const log: LogRecord[] = [];
  const clients = new Set<Client>();
  const listeners = new Set<(record: LogRecord) => void>();
  const size = { rows: options.rows ?? 24, columns: options.columns ?? 80 };
  const stdin: Buffer[] = [];
  let stdinEnded = false;
  let running = false;
  let finish: (code: number) => void = () => {};
  let over = false;
  const exited = new Promise<number>((resolve) => {
    finish = (code) => {
      if (over) return;
      over = true;
      resolve(code);
      for (const { duplex } of clients) duplex.push(null);
    };
  });
  const say = (stream: 'stdout' | 'stderr', text: string | Buffer): void => {
    const record = { stream, timeNs: BigInt(Date.now()) * 1_000_000n, data: Buffer.from(text) };
    log.push(record);
    for (const listener of listeners) listener(record);
    for (const { duplex, wanted } of clients)
      if (wanted[stream]) duplex.push(options.terminal ? record.data : encodeFrame(stream, record.data));
  };
  const step = (): void => {
    if (!running || over) return;
    const [name = '', ...words] = command;
    if (name === 'cat') {
      for (const chunk of stdin.splice(0)) say('stdout', chunk);
      if (stdinEnded) finish(0);
    } else if (name === 'fail') {
      say('stderr', 'oops\n');
      finish(Number(words[0] ?? 1));
    } else if (name === 'size') {
      say('stdout', `${size.rows} ${size.columns}\n`);
      finish(0);
    } else if (name === 'talk') {
      say('stdout', `${words.join(' ')}\n`);
    } else if (name !== 'sleep' && name !== 'sizes') {
      say('stdout', `${words.join(' ')}\n`);
      finish(0);
    }
  };
  const attach: FakeProcess['attach'] = (wanted) => {
    const duplex = new Duplex({
      allowHalfOpen: true,
      read() {},
      write(chunk: Buffer, _encoding, done) {
        if (wanted.stdin) stdin.push(Buffer.from(chunk));
        step();
        done();
      },
      final(done) {
        if (wanted.stdin) stdinEnded = true;
        step();
        done();
      },
    });
    const client = { duplex, wanted };
    clients.add(client);
    duplex.on('close', () => clients.delete(client));
    if (over) duplex.push(null);
    return { stream: duplex, terminal: options.terminal };
  };
  return {
    exited,
    log,
    size,
    attach,
    resize: (rows, columns) => {
      Object.assign(size, { rows, columns });
      if (command[0] === 'sizes') say('stdout', `now ${rows} ${columns}\n`);
    },
    run: () => {
      running = true;
      step();
    },
    signal: (number) => {
      if (!ignoredSignals.has(number)) finish(128 + number);
    },
    onRecord: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
