import type { ProcessStream } from '#client';
import { OrlopError } from '#errors';
import type { Frame } from '#wire';
import { cancelled, onAbort } from './abort.ts';
import { createByteQueue, type ByteQueue } from './byte-queue.ts';

/** What can be written to a process: text is UTF-8. */
export type Input = string | Uint8Array | AsyncIterable<string | Uint8Array>;

/** A process's standard input. */
export interface ProcessInput {
  /** Resolves when more can be written: whoever waits for it holds little in memory. */
  write(data: string | Uint8Array): Promise<void>;
  /** There is no more: the process reads its end. */
  end(): Promise<void>;
}

/**
 * A process in a container and its streams. Read both outputs, or ignore one: when 1 MiB of either waits to be read, the process waits as well. Disposing lets go of it
 * and, where it was made by `spawn`, kills it.
 */
export interface Process extends AsyncDisposable {
  readonly stdin: ProcessInput;
  /** With a terminal, all output. To be read once; leaving the loop discards what follows. */
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly stderr: AsyncIterable<Uint8Array>;
  /** Its exit code. Rejects with cancelled when it was let go of before. */
  readonly exit: Promise<number>;
  /** Gives its terminal another size. */
  resize(rows: number, columns: number): Promise<void>;
  /** Sends it a signal, KILL without. */
  kill(signal?: string): Promise<void>;
}

export interface ProcessParts {
  readonly streams: ProcessStream;
  /** Asked once the output has ended. */
  readonly exitCode: () => Promise<number>;
  readonly resize: (rows: number, columns: number) => Promise<void>;
  readonly kill: (signal: string | undefined) => Promise<void>;
  /** What disposing does beside closing the streams. */
  readonly abandon: () => Promise<void>;
  readonly ignore?: 'stdout' | 'stderr' | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Joins the parts to a process; the signal, when it fires, has the effect of disposing. */
export function createProcess(parts: ProcessParts): Process {
  const { streams, signal } = parts;
  const { stream } = streams;
  const sides = { stdout: createByteQueue(), stderr: createByteQueue() };
  if (parts.ignore !== undefined) sides[parts.ignore].discard();
  let abandoned: OrlopError | null = null;
  const leave = (why: OrlopError): void => {
    if (abandoned !== null) return;
    abandoned = why;
    stream.destroy();
    for (const side of Object.values(sides)) side.fail(why);
  };
  const forget = onAbort(signal, () => {
    if (signal !== undefined) leave(cancelled(signal));
    parts.abandon().catch(() => undefined);
  });
  const exit = pump(streams.output(), sides)
    .then(async () => {
      if (abandoned !== null) throw abandoned;
      return await parts.exitCode();
    })
    .catch((error: unknown) => {
      const why = abandoned ?? error;
      for (const side of Object.values(sides)) side.fail(why);
      throw why;
    })
    .finally(() => {
      forget();
      stream.destroy();
    });
  // Whoever does not ask need not hear.
  exit.catch(() => undefined);
  let isOver = false;
  const settle = (): void => void (isOver = true);
  exit.then(settle, settle);
  return {
    stdin: inputOf(stream),
    stdout: sides.stdout,
    stderr: sides.stderr,
    exit,
    resize: parts.resize,
    kill: parts.kill,
    async [Symbol.asyncDispose]() {
      if (isOver) return;
      leave(new OrlopError('cancelled', 'LIBRARY_PROCESS_LEFT', 'the process was let go of'));
      await parts.abandon();
      await exit.catch(() => undefined);
    },
  };
}

async function pump(output: AsyncGenerator<Frame>, sides: Readonly<Record<'stdout' | 'stderr', ByteQueue>>): Promise<void> {
  for await (const { stream, data } of output) {
    const ready = sides[stream === 'stderr' ? 'stderr' : 'stdout'].push(data);
    if (ready !== null) await ready;
  }
  for (const side of Object.values(sides)) side.end();
}

function inputOf(stream: ProcessStream['stream']): ProcessInput {
  return {
    write: (data) =>
      new Promise((resolve, reject) => {
        if (stream.destroyed || stream.writableEnded) return reject(closed());
        const done = (): void => {
          stream.off('drain', done).off('close', done);
          if (stream.destroyed) reject(closed());
          else resolve();
        };
        if (stream.write(data)) resolve();
        else stream.on('drain', done).on('close', done);
      }),
    end: () =>
      new Promise((resolve) => {
        if (stream.destroyed) return resolve();
        stream.once('close', resolve);
        stream.end(() => {
          stream.off('close', resolve);
          resolve();
        });
      }),
  };
}

function closed(): OrlopError {
  return new OrlopError('failed-precondition', 'LIBRARY_INPUT_CLOSED', 'the process takes no more input: it has ended, or its input has');
}

/** Writes all of it and ends the input. Stops quietly when the process takes no more, as a pipe to a program that ends early does. */
export async function feed(process: Process, input: Input | undefined): Promise<void> {
  try {
    if (typeof input === 'string' || input instanceof Uint8Array) await process.stdin.write(input);
    else if (input !== undefined) for await (const piece of input) await process.stdin.write(piece);
    await process.stdin.end();
  } catch (error) {
    if (!(error instanceof OrlopError && error.code === 'LIBRARY_INPUT_CLOSED')) throw error;
  }
}
