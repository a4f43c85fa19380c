import { readFileSync, readdirSync } from 'node:fs';

/** Memory of processes in kB, shared pages divided by their users: Pss of /proc/PID/smaps_rollup, see proc_pid_smaps(5). */
export function proportionalKb(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]) || 0), 0);
}

export function residentKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) || 0;
}

export function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) || 0;
}

/** Processes below these ones, themselves included. */
export function familyOf(...roots: readonly number[]): number[] {
  const family = new Set(roots);
  const all = readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0);
  const parents = new Map(all.map((pid) => [pid, tryParent(pid)]));
  for (let size = 0; size !== family.size; ) {
    size = family.size;
    for (const [pid, parent] of parents) if (family.has(parent)) family.add(pid);
  }
  return [...family];
}

function tryParent(pid: number): number {
  try {
    return parentOf(pid);
  } catch {
    // It ended between the listing and the question.
    return 0;
  }
}
