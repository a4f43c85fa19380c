import { once } from 'node:events';

/** The terminal, the pipes and the environment that a verb may touch. Streams are made when first used: making them costs start time. */
export interface Io {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Resolves when all that was written has been handed to the system. */
  flush(): Promise<void>;
}

/** `onOutputError` hears what goes wrong with the standard output, such as a reader that left. */
export function createIo(process: NodeJS.Process, onOutputError: (error: NodeJS.ErrnoException) => void): Io {
  const used = new Set<NodeJS.WriteStream>();
  const use = (out: NodeJS.WriteStream, onError?: (error: NodeJS.ErrnoException) => void): NodeJS.WriteStream => {
    if (!used.has(out) && onError !== undefined) out.on('error', onError);
    used.add(out);
    return out;
  };
  return {
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return use(process.stdout, onOutputError);
    },
    get stderr() {
      return use(process.stderr);
    },
    env: process.env,
    flush: async () => {
      await Promise.all([...used].map((out) => new Promise<void>((resolve) => out.write('', () => resolve()))));
    },
  };
}

/** Writes at the reader's pace. */
export async function write(out: NodeJS.WritableStream, data: string | Uint8Array): Promise<void> {
  if (data.length > 0 && !out.write(data)) await once(out, 'drain');
}
