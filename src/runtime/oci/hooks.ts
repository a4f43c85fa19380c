import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { Hook, State } from '#oci';
import type { Addon } from '#sys';
import { pause } from './pause.ts';

/**
 * Runs hooks in the runtime's own namespaces, one after the other, each with the state on its standard input (runtime-spec config, "POSIX-platform
 * Hooks"). The first that fails or outlives its timeout ends the row with failed-precondition `RUNTIME_HOOK_FAILED`.
 */
export function runHooks(addon: Addon, hooks: readonly Hook[], state: State, phase: string): void {
  for (const hook of hooks) runHook(addon, hook, state, phase);
}

/** Like runHooks, for the phases whose failure must not stop anything: what went wrong is told and the next one runs. */
export function tryHooks(addon: Addon, hooks: readonly Hook[], state: State, phase: string, tell: (message: string) => void): void {
  for (const hook of hooks) {
    try {
      runHook(addon, hook, state, phase);
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error));
    }
  }
}

function runHook(addon: Addon, hook: Hook, state: State, phase: string): void {
  using undo = new DisposableStack();
  const directory = mkdtempSync(join(tmpdir(), 'orlop-hook-'));
  undo.defer(() => rmSync(directory, { recursive: true, force: true }));
  const said = join(directory, 'output');
  const memory = addon.memfd('hook-state', Buffer.from(JSON.stringify(state)));
  undo.defer(() => addon.close(memory));
  // A second opening starts at the first byte.
  const input = openSync(`/proc/self/fd/${memory}`, 'r');
  undo.defer(() => closeSync(input));
  const output = openSync(said, 'a');
  undo.defer(() => closeSync(output));
  const failed = (why: string): OrlopError => {
    const heard = readFileSync(said, 'utf8').trim().slice(0, 1024);
    return new OrlopError(
      'failed-precondition',
      'RUNTIME_HOOK_FAILED',
      `${phase} hook ${hook.path} ${why}${heard === '' ? '' : `: ${heard}`}`,
    );
  };
  const status = spawnAndWait(addon, hook, [input, output, output], failed);
  if (status !== 0) throw failed((status & 0x7f) === 0 ? `exited with status ${status >> 8}` : `was ended by signal ${status & 0x7f}`);
}

function spawnAndWait(addon: Addon, hook: Hook, streams: readonly number[], failed: (why: string) => OrlopError): number {
  const { pidfd } = spawnHook(addon, hook, streams, failed);
  const deadline = hook.timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + hook.timeout * 1000;
  try {
    for (let ended = addon.reap(pidfd); ; ended = addon.reap(pidfd)) {
      if (ended !== null) return ended.status;
      if (performance.now() > deadline) {
        addon.pidfdSendSignal(pidfd, 9);
        while (addon.reap(pidfd) === null) pause(1);
        throw failed(`did not end within ${hook.timeout} s`);
      }
      pause(1);
    }
  } finally {
    addon.close(pidfd);
  }
}

function spawnHook(addon: Addon, hook: Hook, streams: readonly number[], failed: (why: string) => OrlopError): { pidfd: number } {
  try {
    return addon.spawn(hook.path, hook.args ?? [hook.path], hook.env ?? [], streams, true);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EACCES', 'ENOEXEC')) throw error;
    throw failed('cannot be run: it does not exist or is not executable');
  }
}
