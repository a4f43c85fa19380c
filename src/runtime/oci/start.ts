import { closeSync, constants, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isOrlopError, OrlopError } from '#errors';
import type { Spec } from '#oci';
import { type Addon, AT_FDCWD, decodeFailure, planFailure, planFailureOf, S_IFIFO } from '#sys';
import { type ContainerRecord, directoryOf, loadSpec } from '../state/record.ts';
import type { RuntimeContext } from './context.ts';
import { describeHookEnd, formatHookFailure, wordFailure } from './failure-words.ts';
import { runHooks } from './hooks.ts';
import { openNotifyRelay } from './notify.ts';
import { removeWhole } from './remove.ts';
import { fifoOf, requireStatus, stateOf } from './status.ts';

/** The container's process opens it for writing, whoever it is by then; as root of its user namespace it owns it. */
export function makeFifo(addon: Addon, directory: string, uid: number, gid: number): void {
  const path = join(directory, 'start.fifo');
  addon.mknodat(AT_FDCWD, path, S_IFIFO | 0o622, 0, 0);
  addon.fchmodat(AT_FDCWD, path, 0o622, 0);
  addon.fchownat(AT_FDCWD, path, uid, gid, 0);
}

/**
 * Lets a created container's program begin. Resolves when it runs and the poststart hooks have; rejects with what execve or a startContainer hook said
 * when it cannot: after the poststart hooks, where it was a hook.
 */
export async function startCreated(context: RuntimeContext, record: ContainerRecord): Promise<void> {
  requireStatus(context, record, 'start', 'created');
  const fifo = fifoOf(context, record);
  using relay = openNotifyRelay(context.addon(), directoryOf(context.root, record.id));
  const failure = readFifo(context.addon(), fifo, record.pid);
  rmSync(fifo, { force: true });
  if (failure.length > 0) {
    const error = wordLateFailure(planFailure(decodeFailure(failure)), loadSpec(context.root, record.id));
    // Their turn comes with the release of the container, also for runc, which never hears how startContainer hooks ended.
    if (isOrlopError(error) && error.code === 'RUNTIME_HOOK_FAILED') await runPoststart(context, record);
    throw error;
  }
  await runPoststart(context, record);
  await relay?.waitUntilReady(record);
}

/** The plan is gone by now; what can fail after the wait are the hooks and the program itself. */
function wordLateFailure(failure: OrlopError, spec: Spec): unknown {
  const details = planFailureOf(failure);
  if (details === null) return failure;
  if (details.op === 'run_hook') {
    const index = (spec.hooks?.startContainer ?? []).findIndex(({ path }) => path === details.path);
    const timeoutMs = (spec.hooks?.startContainer?.[index]?.timeout ?? 0) * 1000;
    const why = describeHookEnd(details, timeoutMs);
    return new OrlopError('failed-precondition', 'RUNTIME_HOOK_FAILED', formatHookFailure('startContainer', index, why), {
      cause: failure,
    });
  }
  const program = { op: 'execute', argv: spec.process?.args ?? [], env: [], keep: 0 } as const;
  return wordFailure(
    failure,
    Array.from({ length: details.opIndex + 1 }, () => program),
  );
}

/** Hooks that come once the program runs. When one fails, the container is ended and removed (runtime-spec runtime, "Lifecycle" 10). */
export async function runPoststart(
  context: RuntimeContext,
  record: ContainerRecord,
  spec: Pick<Spec, 'hooks'> = loadSpec(context.root, record.id),
): Promise<void> {
  const hooks = spec.hooks?.poststart ?? [];
  if (hooks.length === 0) return;
  try {
    runHooks(context.addon(), { hooks, phase: 'poststart', state: stateOf(context, record, 'running') });
  } catch (error) {
    await removeWhole(context, record, spec);
    throw error;
  }
}

/**
 * Opening the FIFO lets the program go on; its end of it closes with execve, or after it wrote why that failed. Opened without blocking, so that a process that has
 * died meanwhile is noticed by its pidfd instead of waited for; poll(2) reports no hang-up before somebody has written or opened the other end.
 */
function readFifo(addon: Addon, path: string, pid: number): Buffer {
  // Before the FIFO: a short program may be over, and waited for, as soon as that is open.
  const pidfd = addon.pidfdOpen(pid);
  let fifo = -1;
  try {
    fifo = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    while (!addon.pollReadable([fifo, pidfd], -1));
    const buffer = Buffer.alloc(8192);
    return buffer.subarray(0, readSync(fifo, buffer, 0, buffer.length, null));
  } finally {
    addon.close(pidfd);
    if (fifo >= 0) closeSync(fifo);
  }
}
