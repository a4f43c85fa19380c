import { createOutput, type Output } from './output.ts';

/** The terminal, the pipes and the environment that a verb may touch. Streams are made when first used: making them costs start time. */
export interface Io {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Resolves when all that was written has been handed to the system. */
  flush(): Promise<void>;
}

/** `onOutputError` hears what goes wrong with an output, such as a reader that left. */
export function createIo(process: NodeJS.Process, onOutputError: (error: NodeJS.ErrnoException) => void): Io {
  const stdout = createOutput(1, () => process.stdout, onOutputError);
  const stderr = createOutput(2, () => process.stderr, onOutputError);
  return {
    get stdin() {
      return process.stdin;
    },
    stdout,
    stderr,
    env: process.env,
    flush: async () => void (await Promise.all([stdout.flush(), stderr.flush()])),
  };
}

/** The same with further variables; nothing of it is made for that. */
export function withEnvironment(io: Io, more: Readonly<Record<string, string>>): Io {
  return Object.create(io, { env: { value: { ...io.env, ...more } } }) as Io;
}

/** The same with its standard error for both outputs: where the standard output is kept for a document. */
export function aside(io: Io): Io {
  return Object.create(io, { stdout: { value: io.stderr } }) as Io;
}

/** Writes at the reader's pace. */
export async function write(out: Output, data: string | Uint8Array): Promise<void> {
  if (data.length > 0 && !out.write(data)) await out.drained();
}
