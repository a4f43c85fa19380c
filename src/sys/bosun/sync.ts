import { OrlopError } from '#errors';
import type { Addon } from '../addon.ts';
import type { Plan } from '../plan/index.ts';
import { monitorGone, planFailure, refusal } from './failure.ts';
import { createFrameReader, type MonitorEvent } from './frames.ts';
import { createMonitorCommands } from './messages.ts';
import { spawnBosun } from './monitor.ts';

export interface ProcessPlans {
  readonly addon: Addon;
  /** Path of the bosun executable. */
  readonly bosun: string;
  /** For each step the time that the monitor may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** A one-shot `bosun create` that is talked to with blocking calls, for command lines. */
export interface BlockingCreator {
  /** Of bosun itself. */
  readonly pid: number;
  /** Has the process made; what is returned waits for it. The slots are sent: they may be closed meanwhile. */
  beginSandbox(plan: Plan, slots: readonly number[]): () => { pid: number };
  sandbox(plan: Plan, slots: readonly number[]): { pid: number };
  /** bosun ends after this, whatever comes of it; like the process, it is then the caller's or its subreaper's to reap. */
  run(plan: Plan, slots: readonly number[]): { pid: number; state: 'created' | 'running' };
  /** Unless `run` has succeeded: kills what was made and waits for bosun's end. */
  [Symbol.dispose](): void;
}

/**
 * Spawns `bosun create`. Its steps fail as MonitorConnection's do, and with deadline-exceeded after `timeoutMs`. The process that `run` leaves behind belongs to
 * the nearest subreaper: a caller that wants to wait for it calls prctl(PR_SET_CHILD_SUBREAPER) before.
 */
export function spawnCreatorSync({ addon, bosun, timeoutMs }: ProcessPlans): BlockingCreator {
  const { descriptor, pid, pidfd } = spawnBosun(addon, bosun, 'create');
  const commands = createMonitorCommands(addon, descriptor);
  const readFrames = createFrameReader();
  let closed = false;
  let ran = false;
  const answer = (doing: string): MonitorEvent => {
    for (;;) {
      const { data } = addon.receiveDescriptors(descriptor, 4096, 0, timeoutMs);
      if (data.length === 0) throw monitorGone(doing);
      const event = readFrames(data)[0];
      if (event !== undefined) return event;
    }
  };
  const expect = (doing: string, awaits: readonly MonitorEvent['type'][]): { type: MonitorEvent['type']; pid: number } => {
    const event = answer(doing);
    if (event.type === 'failed') throw planFailure(event.failure);
    if (event.type === 'refused') throw refusal(event.errno, event.reason);
    if (!awaits.includes(event.type) || !('pid' in event))
      throw new OrlopError('internal', 'SYS_MONITOR_CONFUSED', `the monitor answered ${event.type} while ${doing}`);
    return event;
  };
  const beginSandbox: BlockingCreator['beginSandbox'] = (plan, slots) => {
    commands.sandbox(plan, slots);
    return () => ({ pid: expect('making a sandbox', ['sandboxed']).pid });
  };
  return {
    pid,
    beginSandbox,
    sandbox: (plan, slots) => beginSandbox(plan, slots)(),
    run(plan, slots) {
      commands.run(plan, slots);
      const event = expect('running a plan', ['created', 'started']);
      ran = true;
      return { pid: event.pid, state: event.type === 'created' ? 'created' : 'running' };
    },
    [Symbol.dispose]() {
      if (closed) return;
      closed = true;
      addon.close(descriptor);
      if (!ran) waitForEnd(addon, pidfd);
      addon.close(pidfd);
    },
  };
}

/** bosun ends by itself when its control stream does, and takes its process along; that is a matter of microseconds. */
function waitForEnd(addon: Addon, pidfd: number): void {
  while (addon.reap(pidfd) === null) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
}
