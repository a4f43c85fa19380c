import { read, write } from 'node:fs';
import type { ReadStream } from 'node:tty';
import { isErrno, OrlopError } from '#errors';
import type { Addon } from '#sys';
import type { Stdio } from '../sandbox/types.ts';

/** How a process's streams are arranged, what must be closed after it was started, and what goes on while it runs. */
export interface Streams extends Disposable {
  readonly stdio: Stdio;
  /** `follow` has something to do. */
  readonly areCopied: boolean;
  /** Begins to copy between our terminal and the process's. Resolves when its output has ended. */
  follow(): Promise<void>;
}

export interface StreamOptions {
  readonly terminal: boolean;
  readonly detach: boolean;
  readonly consoleSocket?: string;
  readonly size?: { readonly height: number; readonly width: number };
}

/** Three ways: our own streams passed on, a terminal for somebody else (console socket), or a terminal that we copy to and from. */
export function openStreams(addon: Addon, options: StreamOptions): Streams {
  if (options.consoleSocket !== undefined && !(options.detach && options.terminal)) {
    throw new OrlopError('invalid-argument', 'RUNTIME_USAGE', 'cannot use console socket if runc will not detach or allocate tty', {
      hint: 'leave --console-socket out, or use --detach and process.terminal',
    });
  }
  if (!options.terminal) return passOn();
  if (options.consoleSocket !== undefined) return sendAway(addon, options, options.consoleSocket);
  if (options.detach) {
    throw new OrlopError('invalid-argument', 'RUNTIME_USAGE', 'cannot allocate tty if runc will detach without setting console socket', {
      hint: 'name a --console-socket that takes the terminal, or set process.terminal to false',
    });
  }
  return copyTerminal(addon, options);
}

function passOn(): Streams {
  return {
    stdio: { mode: 'inherit', stdin: 0, stdout: 1, stderr: 2 },
    areCopied: false,
    follow: () => Promise.resolve(),
    [Symbol.dispose]: () => {},
  };
}

function sendAway(addon: Addon, options: StreamOptions, path: string): Streams {
  const console = connect(addon, path);
  return {
    stdio: { mode: 'terminal', ...sizeOf(options), console },
    areCopied: false,
    follow: () => Promise.resolve(),
    [Symbol.dispose]: () => addon.close(console),
  };
}

function connect(addon: Addon, path: string): number {
  try {
    return addon.connectUnix(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ECONNREFUSED')) throw error;
    const reason = isErrno(error, 'ENOENT') ? 'no such file or directory' : 'connection refused';
    throw new OrlopError('not-found', 'RUNTIME_CONSOLE_SOCKET', `dial unix ${path}: connect: ${reason}`, { cause: error });
  }
}

function sizeOf({ size }: StreamOptions): { rows: number; columns: number } {
  return { rows: size?.height ?? process.stdout.rows ?? 0, columns: size?.width ?? process.stdout.columns ?? 0 };
}

function copyTerminal(addon: Addon, options: StreamOptions): Streams {
  const [ours, theirs] = addon.socketPair();
  return {
    stdio: { mode: 'terminal', ...sizeOf(options), console: theirs },
    areCopied: true,
    async follow() {
      const master = addon.receiveDescriptors(ours, 4096, 1, 10_000).descriptors[0];
      if (master === undefined) throw new OrlopError('internal', 'RUNTIME_NO_TERMINAL', 'the terminal did not arrive');
      await copyBothWays(addon, master);
    },
    [Symbol.dispose]() {
      addon.close(ours);
      addon.close(theirs);
    },
  };
}

async function copyBothWays(addon: Addon, master: number): Promise<void> {
  const input = process.stdin as ReadStream;
  const resize = (): void => addon.setWindowSize(master, process.stdout.rows ?? 0, process.stdout.columns ?? 0);
  const send = (bytes: Buffer): void => write(master, bytes, () => {});
  if (input.isTTY) input.setRawMode(true);
  process.on('SIGWINCH', resize);
  input.on('data', send);
  // ctrl-D, as a terminal says it.
  input.on('end', () => send(Buffer.from([4])));
  try {
    await copyOutput(master);
  } finally {
    process.off('SIGWINCH', resize);
    input.off('data', send);
    input.pause();
    if (input.isTTY) input.setRawMode(false);
    addon.close(master);
  }
}

/** Until the last process has closed the terminal, which reading reports as EIO (tty_io). */
async function copyOutput(master: number): Promise<void> {
  const buffer = Buffer.alloc(65_536);
  for (;;) {
    const length = await new Promise<number>((resolve) => {
      read(master, buffer, 0, buffer.length, null, (error, count) => resolve(error === null ? count : 0));
    });
    if (length === 0) return;
    await new Promise<void>((resolve) => {
      process.stdout.write(Buffer.from(buffer.subarray(0, length)), () => resolve());
    });
  }
}
