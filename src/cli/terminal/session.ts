import type { ProcessStream } from '#client';
import { isOrlopError } from '#errors';
import { createDetachScanner, parseDetachKeys } from '#wire';
import { write, type Io } from '../io.ts';

export interface SessionOptions {
  readonly stdin: boolean;
  /** '' for the default. */
  readonly detachKeys: string;
  /** Other keys that let go of it as well. */
  readonly otherDetachKeys?: string | undefined;
}

export type SessionEnd = 'ended' | 'detached';

/**
 * Joins this program's streams to a process until its output ends or the detach keys are typed. Keys only mean something when typed on a terminal.
 * A connection that breaks ends the output too: whether the process has ended is for the caller's wait to say.
 */
export async function runSession(joined: ProcessStream, io: Io, options: SessionOptions): Promise<SessionEnd> {
  const detached = Promise.withResolvers<SessionEnd>();
  const input = options.stdin ? pumpInput(joined, io.stdin, options, () => detached.resolve('detached')) : null;
  try {
    return await Promise.race([pumpOutput(joined, io), detached.promise]);
  } finally {
    input?.[Symbol.dispose]();
    joined.stream.destroy();
  }
}

async function pumpOutput(joined: ProcessStream, io: Io): Promise<SessionEnd> {
  const frames = joined.output();
  for (;;) {
    const step = await frames.next().catch((error: unknown) => {
      if (isOrlopError(error) && error.code === 'WIRE_BAD_FRAME') throw error;
      return null;
    });
    if (step === null || step.done === true) return 'ended';
    await write(step.value.stream === 'stderr' ? io.stderr : io.stdout, step.value.data);
  }
}

function pumpInput(
  { stream, terminal }: ProcessStream,
  stdin: NodeJS.ReadStream,
  { detachKeys, otherDetachKeys }: SessionOptions,
  detach: () => void,
): Disposable {
  const sequences = [detachKeys, ...(otherDetachKeys === undefined ? [] : [otherDetachKeys])];
  const scanners = terminal && stdin.isTTY ? sequences.map((keys) => createDetachScanner(parseDetachKeys(keys))) : [];
  const onData = (chunk: Buffer): void => {
    if (stream.destroyed || stream.writableEnded) return;
    let pass: Uint8Array = chunk;
    let detached = false;
    for (const scanner of scanners) {
      const seen = scanner.push(pass);
      pass = seen.pass;
      detached ||= seen.detached;
    }
    if (pass.length > 0 && !stream.write(pass)) {
      stdin.pause();
      stream.once('drain', () => stdin.resume());
    }
    if (detached) detach();
  };
  const onEnd = (): void => {
    if (!stream.destroyed) stream.end();
  };
  // A process that has closed its input is told of nothing more; its output goes on.
  stream.on('error', () => undefined);
  stdin.on('data', onData).on('end', onEnd).on('error', onEnd);
  return {
    [Symbol.dispose]: () => {
      stdin.off('data', onData).off('end', onEnd).off('error', onEnd);
      stdin.pause();
    },
  };
}
