import { closeSync, constants, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Addon, AT_FDCWD, decodeFailure, planFailure, S_IFIFO } from '#sys';
import { explainFailure } from '../sandbox/failure.ts';
import { loadSpec, type ContainerRecord } from '../state/record.ts';
import type { RuntimeContext } from './context.ts';
import { tryHooks } from './hooks.ts';
import { fifoOf, requireStatus, stateOf } from './status.ts';
import { tell } from './tell.ts';

/** The container's process opens it for writing, whoever it is by then; as root of its user namespace it owns it. */
export function makeFifo(addon: Addon, directory: string, uid: number, gid: number): void {
  const path = join(directory, 'start.fifo');
  addon.mknodat(AT_FDCWD, path, S_IFIFO | 0o622, 0, 0);
  addon.fchmodat(AT_FDCWD, path, 0o622, 0);
  addon.fchownat(AT_FDCWD, path, uid, gid, 0);
}

/** Lets a created container's program begin. Resolves when it runs; rejects with what execve said when it cannot. */
export async function startCreated(context: RuntimeContext, record: ContainerRecord): Promise<void> {
  requireStatus(context, record, 'start', 'created');
  const fifo = fifoOf(context, record);
  const failure = await readFifo(context.addon(), fifo, record.pid);
  rmSync(fifo, { force: true });
  if (failure.length > 0) {
    const facts = decodeFailure(failure);
    const argv = loadSpec(context.root, record.id).process?.args ?? [];
    // The plan is gone by now; of what can fail after the wait only the program itself has a sentence of its own.
    const plan = Array.from({ length: facts.opIndex + 1 }, () => ({ op: 'execute', argv, env: [], keep: 0 }) as const);
    throw explainFailure(planFailure(facts), plan);
  }
  runPoststart(context, record);
}

/** Hooks that come once the program runs; their failure is told and changes nothing (runtime-spec runtime, "Lifecycle" 9). */
export function runPoststart(context: RuntimeContext, record: ContainerRecord): void {
  const hooks = loadSpec(context.root, record.id).hooks?.poststart ?? [];
  if (hooks.length > 0) tryHooks(context.addon(), hooks, stateOf(context, record, 'running'), 'poststart', tell);
}

/**
 * Opening the FIFO lets the program go on; its end of it closes with execve, or after it wrote why that failed. Opened without blocking, so that a process that has
 * died meanwhile is noticed by its pidfd instead of waited for; poll(2) reports no hang-up before somebody has written or opened the other end.
 */
async function readFifo(addon: Addon, path: string, pid: number): Promise<Buffer> {
  // Before the FIFO: a short program may be over, and waited for, as soon as that is open.
  const pidfd = addon.pidfdOpen(pid);
  let fifo = -1;
  try {
    fifo = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    await new Promise<void>((resolve) => {
      const watches = [fifo, pidfd].map((descriptor) =>
        addon.whenReadable(descriptor, true, () => {
          for (const watch of watches) watch.cancel();
          resolve();
        }),
      );
    });
    const buffer = Buffer.alloc(8192);
    return buffer.subarray(0, readSync(fifo, buffer, 0, buffer.length, null));
  } finally {
    addon.close(pidfd);
    if (fifo >= 0) closeSync(fifo);
  }
}
