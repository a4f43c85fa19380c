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

/** apt_preferences(5): packages recommend what brings systemd's init, openssh-server of Debian 12 for one, and apt would put it in the place of this one. */
const keepsInit =
  "printf '%s\\n' 'Explanation: this machine has another init' 'Package: systemd-sysv' 'Pin: release *' 'Pin-Priority: -1' > /etc/apt/preferences.d/init";

/** inittab(5): shut down on the power signal; one login, on the console, and none on terminals that a container does not have. */
const inittab = [
  keepsInit,
  "sed -i -E -e 's|^pf::powerwait:.*|pf::powerwait:/sbin/shutdown -h now|' -e 's|^([2-6]:[2345]+:respawn:)|#\\1|'" +
    " -e 's|^1:2345:respawn:.*|1:2345:respawn:/sbin/getty --noclear --keep-baud console 115200,38400,9600 linux|' /etc/inittab",
];

/**
 * runit(8): its switch for shutting down lies ready at each boot, for the signal alone is what comes from outside, and runit turns it back; that for a restart is off. One login, on the console, and none on a
 * terminal that a container does not have.
 */
const runitSettings = [
  keepsInit,
  "printf 'for f in /run/runit. /etc/runit/; do test ! -e ${f}stopit || chmod 100 ${f}stopit; test ! -e ${f}reboot || chmod 0 ${f}reboot; done\\n' >> /etc/runit/1",
  'rm -f /etc/runit/runsvdir/default/getty-tty1 && mkdir -p /etc/sv/getty-console',
  "printf '#!/bin/sh\\nexec chpst -P getty --noclear --keep-baud console 115200,38400,9600 linux\\n' > /etc/sv/getty-console/run",
  'chmod 755 /etc/sv/getty-console/run && ln -s /etc/sv/getty-console /etc/runit/runsvdir/default/',
];

/** A line that writes a program. */
function program(path: string, ...lines: readonly string[]): string {
  const quoted = ['#!/bin/sh', ...lines].map((line) => `'${line.replaceAll("'", "'\\''")}'`);
  return `mkdir -p $(dirname ${path}) && printf '%s\\n' ${quoted.join(' ')} > ${path} && chmod 755 ${path}`;
}

/**
 * s6-svscan(1) as process 1, over services that lie in /etc/s6/service: one that begins those of init.d, as runlevel 2 has them, and one login on the console. Debian has no s6-linux-init that would
 * write this. It ends by what the shutdown commands here ask of it, or by SIGTERM from outside; then process 1 becomes `finish`, which stops init.d's services and tells the kernel (reboot(2)).
 */
const s6Settings = [
  keepsInit,
  program(
    '/etc/s6/init',
    'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    // /run is fresh: by this flag initscripts' bootclean.sh knows, which would take away the control files.
    'rm -rf /run/service && cp -a /etc/s6/service /run/service && rm -f /run/s6-* && touch /run/.tmpfs',
    // TIOCNOTTY of process 1 itself (ioctl_tty(2)): the console is for who logs in.
    `exec perl -e 'ioctl(STDIN, 0x5422, 0); exec qw(s6-svscan -t0 /run/service)'`,
  ),
  program('/etc/s6/service/boot/run', '/etc/init.d/rc S', '/etc/init.d/rc 2', 'touch /run/s6-up', 'exec sleep infinity'),
  program('/etc/s6/service/getty-console/run', 'exec getty --noclear --keep-baud console 115200,38400,9600 linux'),
  program(
    '/etc/s6/service/.s6-svscan/finish',
    'rm -f /run/s6-up; touch /run/s6-ending',
    'for script in /etc/rc0.d/K*; do',
    '  case $script in *sendsigs | *umount* | *halt | *reboot | *hwclock.sh) ;; *) "$script" stop ;; esac',
    'done',
    'kill -TERM -1 2> /dev/null && sleep 1 && kill -KILL -1 2> /dev/null',
    'if test -e /run/s6-reboot; then exec busybox reboot -f; fi',
    'exec busybox poweroff -f',
  ),
  program('/usr/local/sbin/poweroff', 'exec s6-svscanctl -t /run/service'),
  program('/usr/local/sbin/reboot', 'touch /run/s6-reboot; exec s6-svscanctl -t /run/service'),
  'ln -s poweroff /usr/local/sbin/halt',
  program('/usr/local/sbin/shutdown', 'case " $* " in *" -r"*) exec reboot ;; *) exec poweroff ;; esac'),
  // invoke-rc.d(8) asks it whether services may be started: those of packages are, as they are installed.
  program('/sbin/runlevel', 'if test -e /run/s6-up; then echo N 2; else echo unknown; exit 1; fi'),
  'ln -s /etc/s6/init /sbin/init',
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
  s6: {
    packages: ['s6', 'busybox', 'initscripts', 'sysv-rc', ...machine],
    masked: [],
    commands: s6Settings,
    // s6-svscan(1): TERM ends it in order.
    config: { Cmd: ['/sbin/init'], StopSignal: 'SIGTERM' },
  },
} as const satisfies Readonly<Record<string, InitPreset>>;

export type PresetInit = keyof typeof initPresets;
