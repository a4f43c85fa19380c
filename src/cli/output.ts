import { once } from 'node:events';
import { fstatSync, writeSync } from 'node:fs';
import { isErrno } from '#errors';

/**
 * Where this program writes. Text of its own is short and goes to the descriptor at once: a stream takes longer to make than most commands run. Bytes of
 * others go through the stream, so that a reader who waits holds up nothing else.
 */
export interface Output {
  readonly isTTY: boolean;
  /** Of the terminal's window; undefined where there is none. */
  readonly columns: number | undefined;
  readonly rows: number | undefined;
  /** For what needs one: the size of its window, a question at the terminal. Made when first asked for; all that follows goes through it. */
  readonly stream: NodeJS.WriteStream;
  /** False when more should wait until `drained`. */
  write(data: string | Uint8Array): boolean;
  drained(): Promise<void>;
  /** Resolves when all has been handed to the system. */
  flush(): Promise<void>;
}

/** `onError` hears that writing failed, from the descriptor and from the stream alike. */
export function createOutput(descriptor: number, open: () => NodeJS.WriteStream, onError: (error: NodeJS.ErrnoException) => void): Output {
  let opened: NodeJS.WriteStream | undefined;
  const stream = (): NodeJS.WriteStream => (opened ??= open().on('error', onError));
  return {
    get isTTY() {
      return isCharacterDevice(descriptor) && stream().isTTY;
    },
    get columns() {
      return isCharacterDevice(descriptor) && stream().isTTY ? stream().columns : undefined;
    },
    get rows() {
      return isCharacterDevice(descriptor) && stream().isTTY ? stream().rows : undefined;
    },
    get stream() {
      return stream();
    },
    write(data) {
      if (opened !== undefined || typeof data !== 'string') return stream().write(data);
      try {
        const rest = writeAtOnce(descriptor, Buffer.from(data));
        return rest === null || stream().write(rest);
      } catch (error) {
        onError(error as NodeJS.ErrnoException);
        return true;
      }
    },
    drained: async () => void (await once(stream(), 'drain')),
    flush: () => new Promise((resolve) => (opened === undefined ? resolve() : opened.write('', () => resolve()))),
  };
}

/** What the descriptor would not take without waiting, or null. */
function writeAtOnce(descriptor: number, bytes: Buffer): Buffer | null {
  let at = 0;
  try {
    while (at < bytes.length) at += writeSync(descriptor, bytes, at);
    return null;
  } catch (error) {
    if (isErrno(error, 'EAGAIN')) return bytes.subarray(at);
    throw error;
  }
}

/** Whether it can be a terminal at all: asking tells without loading what terminals need. */
function isCharacterDevice(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isCharacterDevice();
  } catch (error) {
    if (isErrno(error, 'EBADF')) return false;
    throw error;
  }
}
