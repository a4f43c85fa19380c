import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import { knownFileSystems, readMountinfo } from '#sys';
import { findDisagreement, type RdtPlan } from '../plan/intel-rdt.ts';

/** Where resctrl is mounted. unimplemented `RUNTIME_NO_RESCTRL` when this kernel or processor has none, failed-precondition when it is not mounted. */
export function findResctrl(): string {
  const mounted = readMountinfo().find((mount) => mount.fstype === 'resctrl');
  if (mounted !== undefined) return mounted.mountPoint;
  const known = knownFileSystems().includes('resctrl');
  const message = 'config.json linux.intelRdt is not supported: ';
  if (!known)
    throw new OrlopError('unimplemented', 'RUNTIME_NO_RESCTRL', `${message}this kernel or processor has no resctrl`, {
      hint: 'leave it out of the spec',
    });
  throw new OrlopError('failed-precondition', 'RUNTIME_NO_RESCTRL', `${message}resctrl is not mounted`, {
    hint: 'mount -t resctrl resctrl /sys/fs/resctrl',
  });
}

/**
 * Makes the groups of the plan and puts the process into them. Gives the directories that go with the container, innermost first; on failure they are gone already.
 */
export function enterIntelRdt(resctrl: string, plan: RdtPlan, pid: number): string[] {
  const group = join(resctrl, plan.group);
  const made: string[] = [];
  try {
    const created = prepareGroup(group, plan);
    if (created && plan.own) made.unshift(group);
    if (plan.schemata.length > 0 && created) writeRdt(join(group, 'schemata'), `${plan.schemata.join('\n')}\n`);
    if (plan.monitor !== null && makeGroup(join(resctrl, plan.monitor))) made.unshift(join(resctrl, plan.monitor));
    joinIntelRdt(resctrl, plan, pid);
    return made;
  } catch (error) {
    removeIntelRdt(made);
    throw error;
  }
}

/** Puts one more process into groups that are there: the control group first, since a monitoring group takes only its members. */
export function joinIntelRdt(resctrl: string, plan: RdtPlan, pid: number): void {
  writeRdt(join(resctrl, plan.group, 'tasks'), String(pid));
  if (plan.monitor !== null) writeRdt(join(resctrl, plan.monitor, 'tasks'), String(pid));
}

/** Those that are gone are fine. */
export function removeIntelRdt(directories: readonly string[]): void {
  for (const directory of directories) {
    try {
      rmdirSync(directory);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
}

/** True when the group is new. One that somebody else has made must say what the spec says. */
function prepareGroup(group: string, { own, schemata }: RdtPlan): boolean {
  if (own || schemata.length > 0) {
    if (makeGroup(group)) return true;
  }
  let present: string;
  try {
    present = readFileSync(join(group, 'schemata'), 'utf8');
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new OrlopError('not-found', 'RUNTIME_RDT_CLOS_MISSING', `config.json linux.intelRdt.closID: ${group} does not exist`, {
      hint: 'make it first, or give schemata for it',
      cause: error,
    });
  }
  const line = findDisagreement(schemata, present);
  if (line === null) return false;
  throw new OrlopError(
    'conflict',
    'RUNTIME_RDT_SCHEMATA',
    `config.json linux.intelRdt: ${group} does not have the schemata ${JSON.stringify(line)}`,
    {
      hint: 'choose another closID',
    },
  );
}

function makeGroup(directory: string): boolean {
  try {
    mkdirSync(directory, 0o755);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    const full = isErrno(error, 'ENOSPC');
    throw new OrlopError(full ? 'resource-exhausted' : 'failed-precondition', 'RUNTIME_RDT_GROUP', `resctrl does not make ${directory}`, {
      ...(full ? { hint: 'the processor has no more classes of service or monitors' } : {}),
      cause: error,
    });
  }
}

function writeRdt(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new OrlopError('invalid-argument', 'RUNTIME_RDT_REFUSED', `resctrl refuses ${JSON.stringify(text.trim())} for ${file}`, {
      hint: 'see info/last_cmd_status where resctrl is mounted',
      cause: error,
    });
  }
}
