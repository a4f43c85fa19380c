import { setTimeout as delay } from 'node:timers/promises';
import { OrlopError } from '#errors';
import { type Addon, PR_SET_CHILD_SUBREAPER, signals } from '#sys';

/** From now on processes that bosun leaves behind become our children, so that we can wait for them (prctl(2)). */
export function adoptOrphans(addon: Addon): void {
  addon.prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/** Signals that are about ourselves, or that cannot be caught. */
const ours: ReadonlySet<string> = new Set([
  'SIGKILL',
  'SIGSTOP',
  'SIGCHLD',
  'SIGPIPE',
  'SIGURG',
  'SIGWINCH',
  'SIGSEGV',
  'SIGBUS',
  'SIGILL',
  'SIGFPE',
  'SIGTRAP',
  'SIGABRT',
  'SIGTTIN',
  'SIGTTOU',
]);

/** Waits for our child as its proper parent: signals that we get go to it. Resolves with a shell's exit code: the status, or 128 and the signal. */
export async function waitForProcess(addon: Addon, pid: number): Promise<number> {
  const pidfd = addon.pidfdOpen(pid);
  const forward = (name: NodeJS.Signals): void => {
    try {
      addon.pidfdSendSignal(pidfd, signals[name as keyof typeof signals]);
    } catch {
      // It has ended meanwhile: its status is on the way.
    }
  };
  const forwarded = Object.keys(signals).filter((name) => !ours.has(name)) as NodeJS.Signals[];
  for (const name of forwarded) onSignal(name, forward);
  try {
    await new Promise<void>((resolve) => {
      addon.whenReadable(pidfd, true, resolve);
    });
    const ended = await takeStatus(addon, pidfd, pid);
    const signal = ended.status & 0x7f;
    return signal === 0 ? ended.status >> 8 : 128 + signal;
  } finally {
    for (const name of forwarded) process.off(name, forward);
    addon.close(pidfd);
  }
}

/** Some runtimes refuse to watch some signals: those then act on us as usual. */
function onSignal(name: NodeJS.Signals, listener: (name: NodeJS.Signals) => void): void {
  try {
    process.on(name, listener);
  } catch {
    // As said above.
  }
}

/** A process that ends at once may do so before bosun, its parent until then, has left it to us. */
async function takeStatus(addon: Addon, pidfd: number, pid: number): Promise<{ status: number }> {
  const deadline = performance.now() + 5000;
  for (;;) {
    const ended = addon.reap(pidfd);
    if (ended !== null) return ended;
    if (performance.now() > deadline) throw new OrlopError('internal', 'RUNTIME_STATUS_LOST', `process ${pid} ended, but is not our child`);
    await delay(1);
  }
}
