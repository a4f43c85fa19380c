import { constants } from 'node:fs';
import { access, open, readFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isErrno } from '#errors';
import { O_PATH } from '#sys';
import { reports } from './reports.ts';

/** lxcfs answers in less than a millisecond. One that takes this long, on however busy a host, holds up all who read what it reports. */
const patienceMs = 3_000;

/**
 * What `work` says, or null when it has not come in 3 s; it goes on then. For all that asks lxcfs' file system: a call that one of libuv's threads waits in ends with the file system, one
 * that the engine's own thread waits in would be the end of the engine.
 */
export async function inTime<T>(work: Promise<T>): Promise<T | null> {
  const late = new AbortController();
  const lateness = delay(patienceMs, null, { signal: late.signal }).catch(() => null);
  try {
    return await Promise.race([work, lateness]);
  } finally {
    late.abort();
    work.catch(() => undefined);
  }
}

/** Resolves when lxcfs at `directory` has told something, which no cache of the kernel's could have. Fails when it is gone. */
export async function askLxcfs(directory: string): Promise<true> {
  await readFile(join(directory, 'proc/uptime'));
  return true;
}

/** Those of the reports that the kernel has, and lxcfs at `directory` as well, opened as places (O_PATH): who has one asks lxcfs no more. */
export async function openPlaces(directory: string): Promise<Map<string, FileHandle>> {
  await using undo = new AsyncDisposableStack();
  const places = new Map<string, FileHandle>();
  for (const report of reports) {
    try {
      await access(report, constants.F_OK);
      places.set(report, undo.use(await open(join(directory, report), O_PATH)));
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
  undo.move();
  return places;
}
