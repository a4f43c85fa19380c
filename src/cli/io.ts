import { once } from 'node:events';

/** The terminal, the pipes and the environment that a verb may touch. Streams are made when first used: making them costs start time. */
export interface Io {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function createIo(process: NodeJS.Process): Io {
  return {
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return process.stdout;
    },
    get stderr() {
      return process.stderr;
    },
    env: process.env,
  };
}

/** Writes at the reader's pace. */
export async function write(out: NodeJS.WritableStream, data: string | Uint8Array): Promise<void> {
  if (data.length > 0 && !out.write(data)) await once(out, 'drain');
}

/** Resolves when all that was written has been handed to the system. */
export function flush(out: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => out.write('', () => resolve()));
}
