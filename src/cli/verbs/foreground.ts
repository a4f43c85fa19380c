import { OrlopError, toOrlopError } from '#errors';
import type { Client, ProcessStream } from '#client';
import { exitCodeOfStart, exitCodes } from '../exit-codes.ts';
import { write, type Io } from '../io.ts';
import { reportError } from '../render/error.ts';
import { enterRawMode } from '../terminal/raw-mode.ts';
import { runSession } from '../terminal/session.ts';
import { forwardSignals } from '../terminal/signals.ts';
import { followSize, terminalSize, type TerminalSize } from '../terminal/size.ts';

export interface ForegroundOptions {
  readonly id: string;
  readonly terminal: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly detachKeys: string;
  /** Other keys that let go of it as well. */
  readonly otherDetachKeys?: string;
  readonly signalProxy: boolean;
  /** Removed by the engine at its end: then the program waits for that, so that its name is free again. */
  readonly autoRemove: boolean;
  /** Starts it once everything is joined; left out for a container that runs already. */
  readonly start?: () => Promise<unknown>;
}

/**
 * Joins a container from its start (or now) to its end, and resolves with the exit code: its process's own, or 125 to 127 when it could not be started.
 * Detaching gives 0 and leaves it running.
 */
export async function runForeground(client: Client, io: Io, options: ForegroundOptions): Promise<number> {
  const { id, terminal, stdin, stdout, stderr, detachKeys } = options;
  const giveUp = new AbortController();
  const alive = Promise.withResolvers<void>();
  // What comes before the process lives is kept for it: signals, and new sizes of the window.
  const resize = ({ rows, columns }: TerminalSize): Promise<void> => alive.promise.then(() => client.containers.resize(id, rows, columns));
  using _size = terminal ? followSize(io.stdout, resize) : null;
  const condition = options.autoRemove ? 'removed' : options.start === undefined ? 'not-running' : 'next-exit';
  const [joined, expected] = await settleBoth(
    client.containers.attach(id, { stdin, stdout, stderr, detachKeys: detachKeys === '' ? undefined : detachKeys }),
    client.containers.expectExit(id, { condition, signal: giveUp.signal }),
    (process) => process.stream.destroy(),
  );
  using raw = terminal && stdin ? enterRawMode(io.stdin) : null;
  const send = (signal: string): Promise<void> => alive.promise.then(() => client.containers.kill(id, signal));
  using _signals = options.signalProxy && !terminal ? forwardSignals(send) : null;
  try {
    await options.start?.();
    alive.resolve();
  } catch (thrown) {
    raw?.[Symbol.dispose]();
    joined.stream.destroy();
    giveUp.abort();
    const error = toOrlopError(thrown);
    await reportError(io, error);
    return exitCodeOfStart(error);
  }
  // A container that ran before was sized for someone else's window.
  const size = terminalSize(io.stdout);
  if (terminal && options.start === undefined && size !== undefined) await resize(size).catch(() => undefined);

  const end = await runSession(joined, io, { stdin, detachKeys, otherDetachKeys: options.otherDetachKeys });
  raw?.[Symbol.dispose]();
  if (end === 'detached') {
    giveUp.abort();
    await write(io.stderr, 'detached: the container keeps running\n');
    return exitCodes.ok;
  }
  return exitCodeOfExit(await expected.exit);
}

/** Both or neither: the one that came is let go when the other failed. */
async function settleBoth<Second>(
  attach: Promise<ProcessStream>,
  second: Promise<Second>,
  letGo: (process: ProcessStream) => void,
): Promise<readonly [ProcessStream, Second]> {
  const [first, other] = await Promise.allSettled([attach, second]);
  if (first.status === 'rejected') throw first.reason;
  if (other.status === 'fulfilled') return [first.value, other.value];
  letGo(first.value);
  throw other.reason;
}

function exitCodeOfExit({ StatusCode, Error: failure }: { StatusCode: number; Error?: { Message: string } }): number {
  if (failure === undefined || failure.Message === '') return StatusCode;
  throw new OrlopError('internal', 'CLI_EXIT_UNKNOWN', `how the container ended is not known: ${failure.Message}`);
}
