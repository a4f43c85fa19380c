import { readlinkSync } from 'node:fs';
import { isErrno, OrlopError } from '#errors';

/** Descriptors that the process gets as 3, 4, …. */
export interface InheritedDescriptors {
  readonly passed: readonly number[];
  /** How many of them, the first ones, are sockets of socket activation. */
  readonly listening: number;
}

/** Those of socket activation (sd_listen_fds(3)) and then `preserve` more. Fails with invalid-argument `RUNTIME_DESCRIPTOR` for one that is not there. */
export function findInherited(preserve: number): InheritedDescriptors {
  const listening = countListening();
  for (let index = 0; index < preserve; index += 1) {
    const descriptor = 3 + listening + index;
    if (isInherited(descriptor)) continue;
    const message = `unable to stat preserved-fd ${index} (of ${preserve}): stat /proc/self/fd/${descriptor}: no such file or directory`;
    throw new OrlopError('invalid-argument', 'RUNTIME_DESCRIPTOR', message);
  }
  return { passed: Array.from({ length: listening + preserve }, (_unused, index) => 3 + index), listening };
}

function countListening(): number {
  const text = process.env['LISTEN_FDS'] ?? '';
  // Meant for another process otherwise, whose environment we have.
  if (text === '' || process.env['LISTEN_PID'] !== String(process.pid)) return 0;
  const count = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  const wrong = Array.from({ length: count || 0 }, (_unused, index) => 3 + index).find((descriptor) => !isInherited(descriptor));
  if (!Number.isNaN(count) && wrong === undefined) return count;
  throw new OrlopError(
    'invalid-argument',
    'RUNTIME_DESCRIPTOR',
    `LISTEN_FDS=${text}: ${wrong === undefined ? 'no number' : `descriptor ${wrong} is not open`}`,
  );
}

/** What no caller preserves: what the program itself waits with. Close-on-exec tells nothing: at their start Node marks what it inherits, Bun all from 4 on. */
const own = /^anon_inode:\[(event|timerfd|io_uring)/;

function isInherited(descriptor: number): boolean {
  try {
    return !own.test(readlinkSync(`/proc/self/fd/${descriptor}`));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
