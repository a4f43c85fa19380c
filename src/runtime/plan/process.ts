import type { Hook, LinuxCapabilities, Process } from '#oci';
import { noSlot, type Op } from '#sys';
import { capabilityBits } from '../capabilities.ts';
import { planRlimits } from './limits.ts';
import { refuseField, rejectField } from './refuse.ts';
import { planIoPriority, planScheduler } from './scheduling.ts';
import type { Slots } from './slots.ts';

/** A compiled filter and, when it asks a supervisor, the connected socket that the notify descriptor is sent over. */
export interface LoadedSeccomp {
  readonly filter: Uint8Array;
  readonly flags: number;
  readonly listener?: { readonly socket: number; readonly state: Uint8Array };
}

export interface ProcessFacts {
  readonly seccomp: LoadedSeccomp | null;
  readonly slots: Slots;
  /** Which security modules are at work on this host. */
  readonly security: { readonly appArmor: boolean; readonly seLinux: boolean };
  /** Name of a new session keyring, or null to keep ours. */
  readonly keyring: string | null;
  /** Stop before the program; `fifo` is a directory with start.fifo, null waits on the control stream. */
  readonly waitForStart: { readonly fifo: number | null } | null;
  /** startContainer hooks, with the state they read. */
  readonly hooks: readonly Hook[];
  readonly hookState: Uint8Array;
  /** Descriptors that the process gets as 3, 4, … */
  readonly passed: readonly number[];
}

/**
 * From "inside the container, as its root" to the program. Limits and bounding set come while privileges last; without no_new_privs a
 * filter too, since loading it then takes CAP_SYS_ADMIN; with it the filter comes last, so that it need not permit our own calls. Hooks that are
 * the container's own programs run under it all the same.
 */
export function planProcess(process: Process, facts: ProcessFacts, at: string): Op[] {
  const argv = process.args ?? [];
  if (argv.length === 0 || argv[0] === undefined) throw rejectField(`${at}.args`, 'is empty', 'name the program to run');
  const user = process.user ?? { uid: 0, gid: 0 };
  const capabilities = capabilitySets(process.capabilities, `${at}.capabilities`);
  const sealed = process.noNewPrivileges === true;
  const filter = planSeccomp(facts.seccomp, facts.slots);
  const [early, beforeHooks, late] = [!sealed, sealed && facts.hooks.length > 0, sealed && facts.hooks.length === 0];
  return [
    ...planScheduler(process.scheduler, `${at}.scheduler`),
    ...planIoPriority(process.ioPriority, `${at}.ioPriority`),
    ...planRlimits(process.rlimits ?? [], `${at}.rlimits`),
    ...planLabels(process, facts, at),
    ...(facts.keyring === null ? [] : [{ op: 'new_keyring', name: facts.keyring } as const]),
    { op: 'drop_bounding', keep: capabilities.bounding },
    { op: 'change_directory', path: checkDirectory(process.cwd, at) },
    ...(early ? filter : []),
    { op: 'set_user', uid: user.uid, gid: user.gid, groups: packIds(user.additionalGids ?? []) },
    ...(user.umask === undefined ? [] : [{ op: 'set_umask', mask: user.umask } as const]),
    {
      op: 'set_capabilities',
      effective: capabilities.effective,
      permitted: capabilities.permitted,
      inheritable: capabilities.inheritable,
      ambient: capabilities.ambient,
    },
    ...(sealed ? [{ op: 'set_no_new_privileges' } as const] : []),
    ...planWait(facts),
    ...(beforeHooks ? filter : []),
    ...facts.hooks.map((hook, index) => planHook(hook, facts.hookState, `hooks.startContainer[${index}]`)),
    ...facts.passed.map((descriptor, index): Op => ({ op: 'pass_descriptor', source: facts.slots.add(descriptor), index })),
    ...(late ? filter : []),
    { op: 'execute', argv, env: process.env ?? [], keep: facts.passed.length },
  ];
}

export function planHook(hook: Hook, state: Uint8Array, at: string): Op {
  if (!hook.path.startsWith('/')) throw rejectField(`${at}.path`, `${JSON.stringify(hook.path)} is not absolute`);
  if (hook.timeout !== undefined && hook.timeout <= 0) throw rejectField(`${at}.timeout`, `${hook.timeout} is not greater than zero`);
  return {
    op: 'run_hook',
    path: hook.path,
    argv: hook.args ?? [hook.path],
    env: hook.env ?? [],
    state,
    timeout_ms: (hook.timeout ?? 0) * 1000,
  };
}

function planWait({ waitForStart, slots }: ProcessFacts): Op[] {
  if (waitForStart === null) return [];
  return [{ op: 'wait_for_start', fifo: waitForStart.fifo === null ? noSlot : slots.add(waitForStart.fifo) }];
}

/** Absent sets are empty, as with runc: a spec that does not speak of capabilities gives none. */
function capabilitySets(capabilities: LinuxCapabilities | undefined, at: string): Record<keyof LinuxCapabilities, bigint> {
  const bits = (name: keyof LinuxCapabilities): bigint => capabilityBits(capabilities?.[name] ?? [], `config.json ${at}.${name}`);
  const sets = {
    bounding: bits('bounding'),
    effective: bits('effective'),
    permitted: bits('permitted'),
    inheritable: bits('inheritable'),
    ambient: bits('ambient'),
  };
  // capabilities(7): the kernel keeps ambient within permitted and inheritable; what cannot be raised is left out, as runc does.
  return { ...sets, ambient: sets.ambient & sets.permitted & sets.inheritable };
}

function planSeccomp(seccomp: LoadedSeccomp | null, slots: Slots): Op[] {
  if (seccomp === null) return [];
  const listener = seccomp.listener === undefined ? noSlot : slots.add(seccomp.listener.socket);
  return [
    { op: 'load_seccomp', filter: seccomp.filter, flags: seccomp.flags, listener, state: seccomp.listener?.state ?? new Uint8Array() },
  ];
}

/** Labels take effect with execve: apparmor(7), selinux(8). */
function planLabels(process: Process, { security }: ProcessFacts, at: string): Op[] {
  const { apparmorProfile = '', selinuxLabel = '' } = process;
  if (apparmorProfile !== '' && !security.appArmor) throw refuseField(`${at}.apparmorProfile`, 'AppArmor is not enabled on this host');
  if (selinuxLabel !== '' && !security.seLinux) throw refuseField(`${at}.selinuxLabel`, 'SELinux is not enabled on this host');
  return [
    ...(apparmorProfile === '' ? [] : [{ op: 'set_label', attribute: 'apparmor/exec', label: `exec ${apparmorProfile}` } as const]),
    ...(selinuxLabel === ''
      ? []
      : [
          { op: 'set_label', attribute: 'keycreate', label: selinuxLabel } as const,
          { op: 'set_label', attribute: 'exec', label: selinuxLabel } as const,
        ]),
  ];
}

function checkDirectory(cwd: string, at: string): string {
  if (cwd.startsWith('/')) return cwd;
  throw rejectField(`${at}.cwd`, `${JSON.stringify(cwd)} is not absolute`);
}

export function packIds(ids: readonly number[]): Uint8Array {
  return new Uint8Array(new Uint32Array(ids).buffer);
}
