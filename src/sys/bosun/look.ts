import { setTimeout as delay } from 'node:timers/promises';
import { ErrnoError, OrlopError } from '#errors';
import type { Addon } from '../addon.ts';
import { spawnAside } from '../aside.ts';
import { nameOfErrno } from './failure.ts';

export interface GuestFiles {
  readonly addon: Addon;
  readonly bosun: string;
  /** The guest's root: a descriptor, O_PATH will do. */
  readonly root: number;
  readonly paths: readonly string[];
  /** Of all of them together. */
  readonly maxBytes: number;
}

/** A guest's files are read in a few milliseconds, and on a disk that is busy in a few seconds. */
const patienceMs = 10_000;

/**
 * Reads regular files of a guest in a process of their own: what the guest has mounted, and does not answer, holds up nothing but that. null: there is none. Fails with ErrnoError, with
 * deadline-exceeded `SYS_GUEST_SILENT` after 10 s, or with resource-exhausted `SYS_FILE_TOO_LARGE`.
 */
export async function readGuestFiles({ addon, bosun, root, paths, maxBytes }: GuestFiles): Promise<(Buffer | null)[]> {
  const looking = spawnAside(addon, { file: bosun, argv: ['bosun', 'look', ...paths], descriptors: [root] });
  const over = new AbortController();
  const late = delay(patienceMs, null, { signal: over.signal }).catch(() => null);
  try {
    const output = await Promise.race([collect(looking.socket, paths, maxBytes), late]);
    if (output !== null) return decode(output, paths);
    throw new OrlopError(
      'deadline-exceeded',
      'SYS_GUEST_SILENT',
      `${paths.join(' and ')} cannot be read: nothing has come in ${patienceMs / 1000} s`,
      {
        hint: 'it is in a file system that does not answer',
      },
    );
  } finally {
    over.abort();
    looking.kill();
  }
}

async function collect(source: AsyncIterable<Buffer>, paths: readonly string[], maxBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of source) {
    pieces.push(piece);
    length += piece.length;
    if (length > maxBytes)
      throw new OrlopError('resource-exhausted', 'SYS_FILE_TOO_LARGE', `${paths.join(' and ')} are larger than ${maxBytes} bytes`);
  }
  return Buffer.concat(pieces, length);
}

/** As native/bosun/look.c writes it. */
function decode(output: Buffer, paths: readonly string[]): (Buffer | null)[] {
  let at = 0;
  const number = (): number => {
    if (at + 4 > output.length) throw new OrlopError('internal', 'SYS_LOOK_ENDED', 'a process that reads files has ended early');
    at += 4;
    return output.readInt32LE(at - 4);
  };
  return paths.map((path) => {
    const pieces: Buffer[] = [];
    for (let count = number(); count !== 0; count = number()) {
      if (count < 0) return missingOrThrow(path, nameOfErrno(-count));
      pieces.push(output.subarray(at, at + count));
      at += count;
    }
    return Buffer.concat(pieces);
  });
}

function missingOrThrow(path: string, errno: string): null {
  if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errno)) return null;
  throw new ErrnoError({ errno, syscall: 'openat2', path });
}
