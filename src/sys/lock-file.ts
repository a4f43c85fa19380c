import { readFileSync } from 'node:fs';
import { ftruncateSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { OrlopError, isErrno } from '#errors';
import type { Addon } from './addon.ts';
import * as k from './constants.ts';
import { withErrno } from './errno.ts';

/** Holds the lock until disposed or until the process ends, in whatever way. */
export interface LockFile extends Disposable {
  readonly path: string;
}

/**
 * Takes the pid file at `path` for this process alone and writes the pid into it. The lock is the kernel's (flock(2)): a file left by a crash is no
 * obstacle, and a reused pid no danger. Disposing removes the file. Fails with conflict `SYS_LOCKED` when another process holds it.
 */
export function lockFile(addon: Addon, path: string): LockFile {
  for (;;) {
    const descriptor = addon.openat2(k.AT_FDCWD, path, k.O_RDWR | k.O_CREAT | k.O_NOFOLLOW, 0o644, 0);
    try {
      take(addon, descriptor, path);
      // The holder before us may have removed the name between our open and our lock: then we hold a file that nobody else will find.
      if (!isStill(addon, descriptor, path)) {
        addon.close(descriptor);
        continue;
      }
      withErrno(path, () => {
        ftruncateSync(descriptor);
        writeSync(descriptor, `${process.pid}\n`, 0);
      });
    } catch (error) {
      addon.close(descriptor);
      throw error;
    }
    return heldLock(addon, descriptor, path);
  }
}

function heldLock(addon: Addon, descriptor: number, path: string): LockFile {
  let held = true;
  return {
    path,
    [Symbol.dispose]: () => {
      if (!held) return;
      held = false;
      // Removed before it is let go, so that nobody can have locked this name meanwhile.
      if (isStill(addon, descriptor, path)) unlinkSync(path);
      addon.close(descriptor);
    },
  };
}

function take(addon: Addon, descriptor: number, path: string): void {
  try {
    addon.flock(descriptor, k.LOCK_EX);
  } catch (error) {
    if (!isErrno(error, 'EAGAIN')) throw error;
    const holder = withErrno(path, () => readFileSync(`/proc/self/fd/${descriptor}`, 'utf8')).trim();
    const who = /^[0-9]+$/.test(holder) ? `process ${holder}` : 'another process';
    throw new OrlopError('conflict', 'SYS_LOCKED', `${path} is held by ${who}`, {
      hint: 'stop that process or use another path',
      details: { holder },
    });
  }
}

function isStill(addon: Addon, descriptor: number, path: string): boolean {
  const mine = addon.fstatat(descriptor, '', k.AT_EMPTY_PATH);
  const named = statSync(path, { bigint: true, throwIfNoEntry: false });
  return named !== undefined && named.ino === mine.ino && named.dev === mine.dev;
}
