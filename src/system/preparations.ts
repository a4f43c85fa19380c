import type { FileOperation, InitSystem } from './types.ts';

export interface PreparationFacts {
  readonly init: InitSystem | null;
  readonly hostname: string;
  /** The root is about to boot for the first time under this identity: a new container or a copy, not a restart. */
  readonly isFirstBoot: boolean;
}

/**
 * What must be in a system container's root before it starts. Only at the first boot: afterwards the machine owns its files. Consoles need nothing:
 * systemd and our templates put a login on /dev/console by themselves.
 */
export function planPreparations({ init, hostname, isFirstBoot }: PreparationFacts): FileOperation[] {
  if (!isFirstBoot) return [];
  return [{ path: '/etc/hostname', content: `${hostname}\n`, mode: 0o644 }, ...machineId(init), ...runitSwitches(init)];
}

/** machine-id(5): empty, so that the id is made at boot and yet nobody is asked questions as on a first boot. Copies must not share one. */
function machineId(init: InitSystem | null): FileOperation[] {
  return init === 'systemd' ? [{ path: '/etc/machine-id', content: '', mode: 0o444 }] : [];
}

/** runit(8): SIGCONT shuts down when stopit is executable by its owner, and reboots when the file reboot is too. */
function runitSwitches(init: InitSystem | null): FileOperation[] {
  if (init !== 'runit') return [];
  return [
    { path: '/etc/runit/stopit', content: '', mode: 0o100 },
    { path: '/etc/runit/reboot', content: '', mode: 0o000 },
  ];
}
