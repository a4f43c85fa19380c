import { OrlopError } from '#errors';
import { canonicalSshKeys, canonicalZone } from './logins.ts';
import { formatPorts, parsePorts } from './ports.ts';
import {
  badValue,
  formatBitRate,
  formatCpuShare,
  formatIoRate,
  formatSize,
  parseBitRate,
  parseCpuShare,
  parseIoRate,
  parsePercent,
  parseSeconds,
  parseSize,
  parseSwitch,
  parseWhole,
} from './values.ts';

/** One thing that can be set of a container. */
export interface SettingKey {
  /** `limits.memory`; of a family what all its names begin with: `environment.`. */
  readonly name: string;
  readonly isFamily?: true;
  /** What stands for the value in help texts. */
  readonly value: string;
  readonly summary: string;
  /** `now`: also of a container that runs · `start`: at its next start. */
  readonly holds: 'now' | 'start';
  /** The value as it is kept and shown. invalid-argument for what is none. */
  readonly canonical: (text: string, name: string) => string;
}

const asIs = (text: string): string => text;
const size = (least: number) => (text: string, name: string) => {
  const bytes = parseSize(text);
  if (bytes === null || bytes < least) throw badValue(name, text, `a size such as 512M or 2GiB, at least ${formatSize(least)}`);
  return formatSize(bytes);
};
const onOff = (text: string, name: string): string => String(parseSwitch(name, text));
const whole = (least: number, most: number) => (text: string, name: string) => String(parseWhole(name, text, { least, most }));
const seconds = (text: string, name: string): string => `${parseSeconds(name, text)}s`;
const rate = (text: string, name: string): string => formatBitRate(parseBitRate(name, text));
const io = (text: string, name: string): string => formatIoRate(parseIoRate(name, text)) ?? '';

const mebibyte = 2 ** 20;

/** All that can be set, in the order in which it is shown. Everything about settings is read from here: what `set` takes, its help, completion. */
export const settingKeys: readonly SettingKey[] = [
  { name: 'description', value: 'text', summary: 'What it is for', holds: 'now', canonical: asIs },
  {
    name: 'limits.memory',
    value: 'size|percent',
    summary: "Memory, such as 2GiB, or 50% of the host's",
    holds: 'now',
    canonical: (text, name) => (parsePercent(text) === null ? size(6 * mebibyte)(text, name) : text.trim()),
  },
  {
    name: 'limits.memory.swap',
    value: 'size|false|true',
    summary: 'Swap beside its memory: so much, none, or as much as there is',
    holds: 'now',
    canonical: canonicalSwap,
  },
  {
    name: 'limits.cpu',
    value: 'count|share|list',
    summary: 'Processors: 1.5 of them, 50% of one, 200ms/1s, those of 0-3,5, or 1.5@0-3',
    holds: 'now',
    canonical: (text) => formatCpuShare(parseCpuShare(text)) ?? '',
  },
  {
    name: 'limits.cpu.share',
    value: 'weight',
    summary: 'Weight beside other containers, 2 to 262144 (1024 is usual)',
    holds: 'now',
    canonical: whole(2, 262_144),
  },
  {
    name: 'limits.pids',
    value: 'count',
    summary: 'Processes and threads',
    holds: 'now',
    canonical: whole(1, 4_194_304),
  },
  {
    name: 'limits.io.read',
    value: 'rate',
    summary: 'Reading from the disk of the data root: 10M and 100iops per second',
    holds: 'now',
    canonical: io,
  },
  { name: 'limits.io.write', value: 'rate', summary: 'Writing to it', holds: 'now', canonical: io },
  {
    name: 'limits.network.ingress',
    value: 'rate',
    summary: 'What comes in through each of its links: 10Mbit, 2MB',
    holds: 'now',
    canonical: rate,
  },
  { name: 'limits.network.egress', value: 'rate', summary: 'What goes out through each', holds: 'now', canonical: rate },
  { name: 'limits.disk', value: 'size', summary: 'What it may write to its own root', holds: 'now', canonical: size(16 * mebibyte) },
  { name: 'limits.nofile', value: 'count[:hard]', summary: 'Open files of each process', holds: 'start', canonical: canonicalFiles },
  {
    name: 'limits.visible',
    value: 'true|false',
    summary: 'Show it its limits in /proc, through lxcfs; usual for machines',
    holds: 'start',
    canonical: onOff,
  },
  {
    name: 'environment.',
    isFamily: true,
    value: 'text',
    summary: 'A variable of its processes; exec has it at once',
    holds: 'start',
    canonical: asIs,
  },
  {
    name: 'ports',
    value: 'list',
    summary: 'Published ports: 8080:80,127.0.0.1:53:53/udp',
    holds: 'now',
    canonical: (text) => formatPorts(parsePorts(text)) ?? '',
  },
  { name: 'cloud-init.user-data', value: 'text', summary: 'What cloud-init in a machine is to do', holds: 'start', canonical: asIs },
  {
    name: 'cloud-init.meta-data',
    value: 'yaml',
    summary: 'What it is to know of its machine, beside instance-id and local-hostname',
    holds: 'start',
    canonical: asIs,
  },
  {
    name: 'cloud-init.network-config',
    value: 'yaml',
    summary: 'How it is to configure the network; without it, it does not',
    holds: 'start',
    canonical: asIs,
  },
  { name: 'labels.', isFamily: true, value: 'text', summary: 'A label', holds: 'now', canonical: asIs },
  {
    name: 'restart',
    value: 'policy',
    summary: 'no, always, unless-stopped, on-failure[:retries]',
    holds: 'now',
    canonical: canonicalRestart,
  },
  {
    name: 'boot.autostart',
    value: 'true|false',
    summary: 'Start it whenever the engine comes up, or never',
    holds: 'now',
    canonical: onOff,
  },
  {
    name: 'boot.autostart.order',
    value: 'number',
    summary: 'Higher ones start first, and stop last',
    holds: 'now',
    canonical: whole(-1_000_000, 1_000_000),
  },
  {
    name: 'boot.autostart.delay',
    value: 'seconds',
    summary: 'How long to wait after its start before those of lower order',
    holds: 'now',
    canonical: seconds,
  },
  {
    name: 'boot.on-demand',
    value: 'true|false',
    summary: 'Start it when somebody connects to one of its published ports',
    holds: 'now',
    canonical: onOff,
  },
  {
    name: 'boot.idle',
    value: 'seconds',
    summary: 'How long without connections until such a one is stopped (default 10m; 0: never)',
    holds: 'now',
    canonical: seconds,
  },
  { name: 'boot.stop.timeout', value: 'seconds', summary: 'How long a stop waits before it kills', holds: 'now', canonical: seconds },
  {
    name: 'security.protection.delete',
    value: 'true|false',
    summary: 'Refuse to remove it, by force as well',
    holds: 'now',
    canonical: onOff,
  },
  { name: 'security.privileged', value: 'true|false', summary: 'Extended privileges', holds: 'start', canonical: onOff },
  {
    name: 'security.nesting',
    value: 'true|false',
    summary: 'Container engines within; machines always may',
    holds: 'start',
    canonical: onOff,
  },
  {
    name: 'security.idmap.size',
    value: 'count',
    summary: 'User ids of its own, 65536 or a multiple: more for rootless engines within',
    holds: 'start',
    canonical: canonicalIds,
  },
  {
    name: 'ssh.keys',
    value: 'text',
    summary: 'Public keys that may log in as root by ssh, one a line',
    holds: 'now',
    canonical: canonicalSshKeys,
  },
  {
    name: 'ssh.keys.',
    isFamily: true,
    value: 'text',
    summary: 'The same for the user of this name',
    holds: 'now',
    canonical: canonicalSshKeys,
  },
  { name: 'timezone', value: 'zone', summary: 'Its time zone, such as Europe/Berlin', holds: 'start', canonical: canonicalZone },
  { name: 'user.', isFamily: true, value: 'text', summary: 'Whatever you like to keep with it', holds: 'now', canonical: asIs },
];

/** The key that a name belongs to. invalid-argument for what is none, with a guess. */
export function findSetting(name: string): SettingKey {
  const found = settingKeys.find((key) =>
    key.isFamily === true ? name.startsWith(key.name) && name.length > key.name.length : key.name === name,
  );
  if (found !== undefined) return found;
  const close = settingKeys
    .filter((key) => key.name.includes(name) || key.name.endsWith(`.${name.split('.').at(-1) ?? ''}`))
    .map((key) => key.name);
  throw new OrlopError('invalid-argument', 'SETTING_UNKNOWN', `there is no setting ${JSON.stringify(name)}`, {
    hint: close.length === 0 ? 'see them with: orlop set --help' : `did you mean ${close.join(', ')}`,
  });
}

/** A value as it is kept. invalid-argument naming the key. */
export function canonicalSetting(name: string, text: string): string {
  const key = findSetting(name);
  if (text.includes('\0') || text.length > 65_536)
    throw badValue(name, `${text.slice(0, 20)}…`, 'a text of 65536 characters at most, without NUL');
  return key.canonical(text, name);
}

function canonicalSwap(text: string, name: string): string {
  const word = text.trim().toLowerCase();
  if (['true', 'unlimited', '-1'].includes(word)) return 'true';
  if (['false', '0', 'none'].includes(word)) return 'false';
  return size(0)(text, name);
}

/** In whole ranges: what is asked for is rounded up. */
function canonicalIds(text: string, name: string): string {
  const range = 65_536;
  return String(Math.ceil(parseWhole(name, text, { least: range, most: 1024 * range }) / range) * range);
}

function canonicalFiles(text: string, name: string): string {
  const [soft = '', hard = soft, ...rest] = text.split(':');
  const limits = [soft, hard].map((part) => parseWhole(name, part, { least: 1, most: 1_073_741_816 }));
  if (rest.length > 0 || (limits[0] ?? 0) > (limits[1] ?? 0))
    throw badValue(name, text, 'a count, or soft:hard with soft no more than hard');
  return limits[0] === limits[1] ? String(limits[0]) : limits.join(':');
}

function canonicalRestart(text: string, name: string): string {
  const word = text.trim().toLowerCase();
  if (/^(?:no|always|unless-stopped|on-failure(?::\d{1,9})?)$/.test(word)) return word;
  throw badValue(name, text, 'no, always, unless-stopped, or on-failure[:retries]');
}
