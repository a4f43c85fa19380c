import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { Hook, State } from '#oci';
import { type Addon, signals } from '#sys';
import { formatHookFailure } from './failure-words.ts';
import { pause } from './pause.ts';

export interface HookRow {
  readonly hooks: readonly Hook[];
  /** As in config.json: `createRuntime`. */
  readonly phase: string;
  readonly state: State;
  /** Where they find themselves; where this program is, when absent. */
  readonly directory?: string;
}

/**
 * Runs hooks in the runtime's own namespaces, one after the other, each with the state on its standard input (runtime-spec config, "POSIX-platform
 * Hooks"). The first that fails or outlives its timeout ends the row with failed-precondition `RUNTIME_HOOK_FAILED`.
 */
export function runHooks(addon: Addon, { hooks, phase, state, directory }: HookRow): void {
  const back = directory === undefined ? null : ownDirectory();
  if (directory !== undefined) process.chdir(directory);
  try {
    hooks.forEach((hook, index) => runHook(addon, hook, state, (why) => hookError(formatHookFailure(phase, index, why))));
  } finally {
    // Paths of the command line that are not absolute mean what they meant.
    if (back !== null) process.chdir(back);
  }
}

/** null when it was removed. */
function ownDirectory(): string | null {
  try {
    return process.cwd();
  } catch {
    return null;
  }
}

/** Like runHooks, for the phase whose failure must not stop anything: what went wrong is told and the next one runs. */
export function tryHooks(addon: Addon, { hooks, phase, state }: HookRow, tell: (message: string) => void): void {
  hooks.forEach((hook, index) => {
    try {
      runHook(addon, hook, state, (why) => hookError(formatHookFailure(phase, index, why)));
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error));
    }
  });
}

function hookError(message: string): OrlopError {
  return new OrlopError('failed-precondition', 'RUNTIME_HOOK_FAILED', message);
}

type Failed = (why: string) => OrlopError;

function runHook(addon: Addon, hook: Hook, state: State, failed: Failed): void {
  using undo = new DisposableStack();
  const directory = mkdtempSync(join(tmpdir(), 'orlop-hook-'));
  undo.defer(() => rmSync(directory, { recursive: true, force: true }));
  // A container without a process has no pid, rather than 0.
  const { pid, ...others } = state;
  const memory = addon.memfd('hook-state', Buffer.from(JSON.stringify(pid === 0 ? others : state)));
  undo.defer(() => addon.close(memory));
  const open = (path: string, flags: string): number => {
    const descriptor = openSync(path, flags);
    undo.defer(() => closeSync(descriptor));
    return descriptor;
  };
  const [output, errors] = [join(directory, 'stdout'), join(directory, 'stderr')];
  // A second opening of the memory starts at the first byte.
  const streams = [open(`/proc/self/fd/${memory}`, 'r'), open(output, 'a'), open(errors, 'a')];
  const status = spawnAndWait(addon, hook, streams, failed);
  const heard = (file: string): string => readFileSync(file, 'utf8').slice(0, 4096);
  if (status !== 0) throw failed(`${describeEnd(status)}, stdout: ${heard(output)}, stderr: ${heard(errors)}`);
}

function describeEnd(status: number): string {
  const signal = status & 0x7f;
  if (signal === 0) return `exit status ${status >> 8}`;
  const name = Object.entries(signals).find(([, number]) => number === signal)?.[0];
  return `signal: ${name === 'SIGKILL' ? 'killed' : (name ?? signal)}`;
}

function spawnAndWait(addon: Addon, hook: Hook, streams: readonly number[], failed: Failed): number {
  const { pidfd } = spawnHook(addon, hook, streams, failed);
  const deadline = hook.timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + hook.timeout * 1000;
  try {
    for (let ended = addon.reap(pidfd); ; ended = addon.reap(pidfd)) {
      if (ended !== null) return ended.status;
      if (performance.now() > deadline) {
        addon.pidfdSendSignal(pidfd, signals.SIGKILL);
        while (addon.reap(pidfd) === null) pause(1);
        throw failed(`hook ran past specified timeout of ${hook.timeout?.toFixed(1)}s`);
      }
      pause(1);
    }
  } finally {
    addon.close(pidfd);
  }
}

const launchersOwn: ReadonlySet<string> = new Set(['BUN_JSC_useJIT', 'ORLOP_CALLED']);

/** Ours, as with runc, without what our launcher has set for this program alone. */
function callersEnvironment(): string[] {
  return Object.entries(process.env).flatMap(([name, value]) => (launchersOwn.has(name) ? [] : [`${name}=${value}`]));
}

function spawnHook(addon: Addon, hook: Hook, streams: readonly number[], failed: Failed): { pidfd: number } {
  try {
    return addon.spawn(hook.path, hook.args ?? [hook.path], hook.env ?? callersEnvironment(), streams, true);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EACCES', 'ENOEXEC')) throw error;
    const reason = isErrno(error, 'ENOENT')
      ? 'no such file or directory'
      : isErrno(error, 'EACCES')
        ? 'permission denied'
        : 'exec format error';
    throw failed(`fork/exec ${hook.path}: ${reason}`);
  }
}
