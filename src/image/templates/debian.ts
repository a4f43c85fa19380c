import type { Template, TemplateVariant } from './types.ts';

const env = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'];

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

const suites: readonly { readonly suite: string; readonly title: string }[] = [
  { suite: 'bullseye', title: 'Debian 11' },
  { suite: 'bookworm', title: 'Debian 12' },
  { suite: 'trixie', title: 'Debian 13' },
  { suite: 'forky', title: 'Debian 14, in preparation' },
  { suite: 'sid', title: 'Debian unstable' },
];

export const debianTemplates: readonly Template[] = suites.map(({ suite, title }) => ({
  name: `debian/${suite}`,
  description: `${title} from its own packages`,
  source: { type: 'debian', suite },
  variants: [appVariant(suite), systemdVariant(suite), sysvinitVariant(suite)],
}));

function appVariant(suite: string): TemplateVariant {
  return {
    name: 'app',
    kind: 'app',
    reference: `debian:${suite}`,
    init: null,
    isDefault: true,
    packages: [],
    masked: [],
    config: { Env: env, Cmd: ['bash'] },
  };
}

function systemdVariant(suite: string): TemplateVariant {
  return {
    name: 'systemd',
    kind: 'system',
    reference: `debian:${suite}-systemd`,
    init: 'systemd',
    isDefault: true,
    packages: ['systemd-sysv', 'libpam-systemd', ...machine],
    masked,
    // systemd(1), SIGNALS: SIGRTMIN+3 starts halt.target.
    config: { Env: env, Cmd: ['/sbin/init'], StopSignal: 'SIGRTMIN+3' },
  };
}

function sysvinitVariant(suite: string): TemplateVariant {
  return {
    name: 'sysvinit',
    kind: 'system',
    reference: `debian:${suite}-sysvinit`,
    init: 'sysvinit',
    isDefault: false,
    packages: ['sysvinit-core', 'initscripts', ...machine],
    masked: [],
    // inittab(5), powerwait: the template's inittab shuts down on SIGPWR.
    config: { Env: env, Cmd: ['/sbin/init'], StopSignal: 'SIGPWR' },
  };
}
