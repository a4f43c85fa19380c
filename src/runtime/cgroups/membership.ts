import { join } from 'node:path';
import { isErrno } from '#errors';
import { childCgroups, readControl, writeControl } from './files.ts';
import { isFrozen } from './freezer.ts';
import { until } from './patience.ts';
import type { Place } from './types.ts';

/** Of this cgroup and all below it. */
export function collectPids(directory: string): number[] {
  const own = (readControl(directory, 'cgroup.procs') ?? '').split('\n').filter(Boolean).map(Number);
  return [...own, ...childCgroups(directory).flatMap((child) => collectPids(join(directory, child)))];
}

/** cgroup.kill takes all at once (cgroup-v2.rst); without it everyone is stopped first, so that no fork escapes. */
export async function killAll(home: string, freezer: Place | null, path: string): Promise<void> {
  const empty = (): boolean => collectPids(home).length === 0;
  if (empty()) return;
  if (tryKillFile(home)) {
    // A v1 freezer would hold the dead back.
    if (freezer?.version === 1 && isFrozen(freezer)) writeControl(freezer.directory, 'freezer.state', 'THAWED');
    await until(empty, `processes in cgroup ${path} did not end`, () => tryKillFile(home));
    return;
  }
  await until(empty, `processes in cgroup ${path} did not end`, () => killFrozen(home, freezer));
}

function tryKillFile(home: string): boolean {
  try {
    writeControl(home, 'cgroup.kill', '1');
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EOPNOTSUPP', 'ENODEV')) return false;
    throw error;
  }
}

function killFrozen(home: string, freezer: Place | null): void {
  const state = (value: string): void => {
    if (freezer?.version === 1 && readControl(freezer.directory, 'freezer.state') !== null)
      writeControl(freezer.directory, 'freezer.state', value);
  };
  state('FROZEN');
  for (const pid of collectPids(home)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (!isErrno(error, 'ESRCH')) throw error;
    }
  }
  state('THAWED');
}
