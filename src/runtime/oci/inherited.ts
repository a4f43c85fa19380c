import { readFileSync, readlinkSync } from 'node:fs';
import { isErrno, OrlopError } from '#errors';
import { O_CLOEXEC } from '#sys';

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
  if (text === '') return 0;
  const count = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  const wrong = Array.from({ length: count || 0 }, (_unused, index) => 3 + index).find((descriptor) => !isInherited(descriptor));
  if (!Number.isNaN(count) && wrong === undefined) return count;
  throw new OrlopError(
    'invalid-argument',
    'RUNTIME_DESCRIPTOR',
    `LISTEN_FDS=${text}: ${wrong === undefined ? 'no number' : `descriptor ${wrong} is not open`}`,
  );
}

/**
 * What came over execve is not marked close-on-exec; what this process has opened itself is, and must not get into a container. Node marks what it inherits
 * at its start, so under Node only what is no file of anybody's (its epoll and event descriptors) can be told apart.
 */
function isInherited(descriptor: number): boolean {
  try {
    if (process.versions['bun'] === undefined) return !readlinkSync(`/proc/self/fd/${descriptor}`).startsWith('anon_inode:[event');
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1] ?? '0';
    return (Number.parseInt(flags, 8) & O_CLOEXEC) === 0;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
