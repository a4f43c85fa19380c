import type { ContainerConfig } from '#oci';
import type { TemplateVariant } from './types.ts';

/** What a variant gets for the init that it names. */
export interface InitPreset extends Pick<TemplateVariant, 'packages' | 'masked' | 'commands'> {
  readonly config: Pick<ContainerConfig, 'Cmd' | 'StopSignal'>;
}

/** What a machine needs beyond Debian's minimal base so that its init says `running` and people can look around. */
const machine = ['dbus', 'iproute2', 'iputils-ping', 'less', 'netbase', 'procps'];

/** Units that want the host's kernel: its debugging and configuration file systems, audit, modules, block devices, huge pages. */
const masked = [
  'dev-hugepages.mount',
  'sys-fs-fuse-connections.mount',
  'sys-kernel-config.mount',
  'sys-kernel-debug.mount',
  'sys-kernel-tracing.mount',
  'systemd-journald-audit.socket',
  'systemd-modules-load.service',
  'systemd-remount-fs.service',
  'systemd-udevd-control.socket',
  'systemd-udevd-kernel.socket',
  'systemd-udevd.service',
];

/** inittab(5): shut down on the power signal; one login, on the console, and none on terminals that a container does not have. */
const inittab = [
  "sed -i -E -e 's|^pf::powerwait:.*|pf::powerwait:/sbin/shutdown -h now|' -e 's|^([2-6]:[2345]+:respawn:)|#\\1|'" +
    " -e 's|^1:2345:respawn:.*|1:2345:respawn:/sbin/getty --noclear --keep-baud console 115200,38400,9600 linux|' /etc/inittab",
];

/**
 * runit(8): its switch for shutting down lies ready at each boot, for the signal alone is what comes from outside, and runit turns it back; that for a restart is off. One login, on the console, and none on a
 * terminal that a container does not have.
 */
const runitSettings = [
  "printf 'for f in /run/runit. /etc/runit/; do test ! -e ${f}stopit || chmod 100 ${f}stopit; test ! -e ${f}reboot || chmod 0 ${f}reboot; done\\n' >> /etc/runit/1",
  'rm -f /etc/runit/runsvdir/default/getty-tty1 && mkdir -p /etc/sv/getty-console',
  "printf '#!/bin/sh\\nexec chpst -P getty --noclear --keep-baud console 115200,38400,9600 linux\\n' > /etc/sv/getty-console/run",
  'chmod 755 /etc/sv/getty-console/run && ln -s /etc/sv/getty-console /etc/runit/runsvdir/default/',
];

export const initPresets = {
  systemd: {
    packages: ['systemd-sysv', 'libpam-systemd', ...machine],
    masked,
    // Up to date as it is (systemd-update-done.service(8)): no caches to rebuild at the first boot.
    commands: ['touch -r /usr /etc/.updated /var/.updated'],
    // systemd(1), SIGNALS: SIGRTMIN+3 starts halt.target.
    config: { Cmd: ['/sbin/init'], StopSignal: 'SIGRTMIN+3' },
  },
  sysvinit: {
    packages: ['sysvinit-core', 'initscripts', ...machine],
    masked: [],
    commands: inittab,
    config: { Cmd: ['/sbin/init'], StopSignal: 'SIGPWR' },
  },
  // As Debian has it: sysvinit's PID 1, which begins OpenRC's runlevels.
  openrc: {
    packages: ['openrc', 'sysvinit-core', 'initscripts', ...machine],
    masked: [],
    commands: inittab,
    config: { Cmd: ['/sbin/init'], StopSignal: 'SIGPWR' },
  },
  runit: {
    packages: ['runit-init', 'runit', 'getty-run', 'initscripts', ...machine],
    masked: [],
    commands: runitSettings,
    // runit(8): with stopit executable, CONT begins stage 3.
    config: { Cmd: ['/sbin/init'], StopSignal: 'SIGCONT' },
  },
} as const satisfies Readonly<Record<string, InitPreset>>;

export type PresetInit = keyof typeof initPresets;
