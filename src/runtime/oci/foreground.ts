import { isErrno, OrlopError } from '#errors';
import { type Addon, PR_SET_CHILD_SUBREAPER, readProcessStat, signals } from '#sys';

type SignalName = keyof typeof signals;

const briefMs = 50;
const patienceMs = 5000;

/** A caller that stays: it is the parent of what it starts, and hands on the signals that it gets. */
export interface Foreground extends Disposable {
  /**
   * Waits for the process and resolves with a shell's exit code: the status, or 128 and the signal. Unless `isBusy`, when the event loop has something
   * else to do meanwhile, it is not turned for the first moments.
   */
  waitFor(pid: number, isBusy: boolean): Promise<number>;
}

/** Signals that are about ourselves, or that cannot be caught. */
const ours: ReadonlySet<string> = new Set(
  'SIGKILL SIGSTOP SIGCHLD SIGPIPE SIGURG SIGWINCH SIGSEGV SIGBUS SIGILL SIGFPE SIGTRAP SIGABRT SIGSYS SIGPROF SIGTTIN SIGTTOU'.split(' '),
);

/**
 * To be opened before anything is started: processes that bosun leaves behind then become our children (PR_SET_CHILD_SUBREAPER), and a signal that comes
 * before there is a process to take it is kept for it. Without `adopts` it is only the process itself that becomes our child, and no other that outlives its parent.
 */
export function openForeground(addon: Addon, { adopts = true }: { readonly adopts?: boolean } = {}): Foreground {
  addon.prctl(PR_SET_CHILD_SUBREAPER, 1);
  const waiting: SignalName[] = [];
  let target: number | null = null;
  const take = (name: NodeJS.Signals): void => {
    if (target === null) waiting.push(name as SignalName);
    else send(addon, target, name as SignalName);
  };
  const caught = Object.keys(signals).filter((name) => !ours.has(name)) as NodeJS.Signals[];
  for (const name of caught) process.on(name, take);
  return {
    async waitFor(pid, isBusy) {
      const pidfd = addon.pidfdOpen(pid);
      try {
        target = pidfd;
        for (const name of waiting.splice(0)) send(addon, pidfd, name);
        if (!adopts) stopAdopting(addon, pid);
        // Most commands that are waited for like this are short. A signal that comes just before it would have to wait for as long.
        if (isBusy || !addon.pollReadable([pidfd], briefMs)) {
          await new Promise<void>((resolve) => {
            addon.whenReadable(pidfd, true, resolve);
          });
        }
        return exitCodeOf(takeStatus(addon, pidfd, pid));
      } finally {
        target = null;
        addon.close(pidfd);
      }
    },
    [Symbol.dispose]() {
      for (const name of caught) process.off(name, take);
    },
  };
}

/** Not before bosun has left the process to us. */
function stopAdopting(addon: Addon, pid: number): void {
  const deadline = performance.now() + patienceMs;
  while (readProcessStat(pid).parent !== process.pid && performance.now() < deadline) waitForParent(addon, pid);
  addon.prctl(PR_SET_CHILD_SUBREAPER, 0);
}

function send(addon: Addon, pidfd: number, name: SignalName): void {
  try {
    addon.pidfdSendSignal(pidfd, signals[name]);
  } catch {
    // It has ended meanwhile: its status is on the way.
  }
}

function exitCodeOf(status: number): number {
  const signal = status & 0x7f;
  return signal === 0 ? status >> 8 : 128 + signal;
}

/** A process that ends at once may do so before bosun, its parent until then, has left it to us. */
function takeStatus(addon: Addon, pidfd: number, pid: number): number {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const ended = addon.reap(pidfd);
    if (ended !== null) return ended.status;
    if (performance.now() > deadline) throw new OrlopError('internal', 'RUNTIME_STATUS_LOST', `process ${pid} ended, but is not our child`);
    waitForParent(addon, pid);
  }
}

/** For bosun, which has nothing more to do than to end. */
function waitForParent(addon: Addon, pid: number): void {
  try {
    const { parent } = readProcessStat(pid);
    if (parent === process.pid) return;
    const pidfd = addon.pidfdOpen(parent);
    addon.pollReadable([pidfd], patienceMs);
    addon.close(pidfd);
  } catch (error) {
    // It has ended since we looked, or is in another process namespace.
    if (!isErrno(error, 'ESRCH', 'ENOENT', 'EINVAL')) throw error;
    addon.pollReadable([], 1);
  }
}
