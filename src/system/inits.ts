import type { InitSystem } from './types.ts';

const SIGUSR2 = 12;
const SIGTERM = 15;
const SIGCONT = 18;
const SIGPWR = 30;
/** glibc's SIGRTMIN is 34. */
const SIGRTMIN_3 = 37;

const shutdownSignals: Readonly<Record<InitSystem, number>> = {
  // systemd(1), SIGNALS: "SIGRTMIN+3: Halts the machine, starts the halt.target unit".
  systemd: SIGRTMIN_3,
  // inittab(5), powerwait: what a distribution made for containers shuts down on; LXC's default too.
  sysvinit: SIGPWR,
  // openrc-init(8): shuts down; SIGINT reboots.
  openrc: SIGTERM,
  // runit(8): with /etc/runit/stopit executable, CONT begins stage 3 (see planPreparations).
  runit: SIGCONT,
  // s6-svscan(1): ends its services, then itself.
  s6: SIGTERM,
  // busybox, init/init.c: USR1 halts, USR2 powers off, TERM reboots.
  busybox: SIGUSR2,
};

/** The signal that makes an init shut its machine down. */
export function shutdownSignal(init: InitSystem): number {
  return shutdownSignals[init];
}

/**
 * What a machine meant by ending with this signal, null for any other: in a pid namespace of its own, reboot(2) ends the init with SIGHUP when it
 * asked for a restart, and with SIGINT when it asked for a halt or to power off.
 */
export function requestOf(terminationSignal: number): 'reboot' | 'poweroff' | null {
  if (terminationSignal === 1) return 'reboot';
  return terminationSignal === 2 ? 'poweroff' : null;
}

/** How far a boot has come: `degraded` is up with a unit that failed. */
export type BootState = 'starting' | 'running' | 'degraded' | 'stopping';

/** A command to run inside, and how to read its answer. */
export interface ReadinessProbe {
  readonly argv: readonly string[];
  /** `starting` also when the answer makes no sense yet: ask again. */
  readonly read: (stdout: string) => BootState;
  /** The command itself waits until the boot is over. */
  readonly isPatient: boolean;
}

const probes: Partial<Record<InitSystem, ReadinessProbe>> = {
  systemd: { argv: ['systemctl', 'is-system-running', '--wait'], read: readSystemd, isPatient: true },
  sysvinit: { argv: ['runlevel'], read: readRunlevel, isPatient: false },
  openrc: {
    argv: ['rc-status', '--runlevel'],
    read: (stdout) => (/^(default|single|nonetwork)\b/.test(stdout.trim()) ? 'running' : 'starting'),
    isPatient: false,
  },
  // Ours (templates): its boot service says when init.d's are begun. Of others nobody knows.
  s6: {
    argv: ['sh', '-c', 'test -e /run/s6-ending && echo stopping; test -e /run/s6-up && echo running'],
    read: (stdout) => (stdout.trim() === 'running' ? 'running' : stdout.trim() === 'stopping' ? 'stopping' : 'starting'),
    isPatient: false,
  },
  // runit(8): stage 2 is runsvdir, and only that; runit itself says nothing.
  runit: {
    argv: ['sh', '-c', 'for p in /proc/[0-9]*/comm; do read -r n < "$p" && test "$n" = runsvdir && echo running && exit; done 2>/dev/null'],
    read: (stdout) => (stdout.trim() === 'running' ? 'running' : 'starting'),
    isPatient: false,
  },
};

/** How to learn that the machine is up; null for inits that never say: then it is as soon as PID 1 runs. */
export function readinessProbe(init: InitSystem | null): ReadinessProbe | null {
  return init === null ? null : (probes[init] ?? null);
}

/** systemctl(1), is-system-running. `maintenance` is as up as it will ever be. */
function readSystemd(stdout: string): BootState {
  const states: Readonly<Record<string, BootState>> = {
    running: 'running',
    degraded: 'degraded',
    maintenance: 'degraded',
    stopping: 'stopping',
  };
  const answer = stdout.trim();
  return Object.hasOwn(states, answer) ? (states[answer] ?? 'starting') : 'starting';
}

/** runlevel(8): the previous and the current one. */
function readRunlevel(stdout: string): BootState {
  const current = /^\S\s+(\S)/.exec(stdout.trim())?.[1];
  if (current === '0' || current === '6') return 'stopping';
  return current === undefined || current === 'S' ? 'starting' : 'running';
}

/**
 * What PID 1 of a system container finds in its environment: `container` tells an init and its services that there is no hardware to look after
 * (systemd.io/CONTAINER_INTERFACE). `terminal` is the console's TERM.
 */
export function systemEnvironment(terminal = 'linux'): string[] {
  return ['container=orlop', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', `TERM=${terminal}`];
}
