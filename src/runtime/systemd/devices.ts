import type { LinuxResources } from '#oci';
import { alwaysAllowedDevices } from '../cgroups/devices.ts';
import { property, type UnitProperty } from './property.ts';

type Rule = NonNullable<LinuxResources['devices']>[number];

/** What of the host's devices a plan needs to know. */
export interface DeviceNames {
  /** The driver of a major number, of /proc/devices: `pts`. */
  groupOf(type: 'b' | 'c', major: number): string | undefined;
  /** Whether /dev/char or /dev/block has an entry for it. */
  isThere(path: string): boolean;
}

/**
 * DevicePolicy and DeviceAllow (systemd.resource-control(5)): never less than the rules permit. What exactly holds are the rules in the cgroup itself, which are
 * set after; these properties keep systemd from taking them away when it writes the cgroup again.
 */
export function planDeviceProperties(rules: readonly Rule[], names: DeviceNames): UnitProperty[] {
  if (rules.length === 0) return [];
  const allowed = permittedAtMost(rules);
  if (allowed === null) return [property('DevicePolicy', 's', 'auto'), property('DeviceAllow', 'a(ss)', [])];
  const entries = [...allowed, ...alwaysAllowedDevices].flatMap((rule) => formatRule(rule, names));
  return [
    property('DevicePolicy', 's', 'strict'),
    property('DeviceAllow', 'a(ss)', [...new Map(entries.map((entry) => [entry.join(' '), entry])).values()]),
  ];
}

/** The allowing rules since all was denied; null when everything was allowed, whatever is denied of it. */
function permittedAtMost(rules: readonly Rule[]): readonly Rule[] | null {
  const reset = rules.findLastIndex((rule) => (rule.type ?? 'a') === 'a');
  if (reset >= 0 && rules[reset]?.allow === true) return null;
  return rules.slice(reset + 1).filter((rule) => rule.allow && (rule.access ?? 'rwm') !== '');
}

function formatRule({ type, major = -1, minor = -1, access = 'rwm' }: Rule, names: DeviceNames): (readonly [string, string])[] {
  if (type === 'a' || type === undefined) return [];
  const block = type === 'b';
  const kind = block ? 'block' : 'char';
  if (major < 0) return [[`${kind}-*`, access]];
  if (minor < 0) {
    const group = names.groupOf(block ? 'b' : 'c', major);
    return group === undefined ? [] : [[`${kind}-${group}`, access]];
  }
  // systemd warns of a path that does not exist, and would not know the device anyway.
  const path = `/dev/${kind}/${major}:${minor}`;
  return names.isThere(path) ? [[path, access]] : [];
}

/** proc_devices(5): lines of number and name below "Character devices:" and "Block devices:". A major may have several; one is enough. */
export function parseDeviceGroups(text: string): ReadonlyMap<string, string> {
  const groups = new Map<string, string>();
  let type = '';
  for (const line of text.split('\n')) {
    if (/^(Character|Block) devices:$/.test(line)) type = line.startsWith('B') ? 'b' : 'c';
    const [, major, name] = /^\s*(\d+) (.+)$/.exec(line) ?? [];
    if (major !== undefined && name !== undefined && !groups.has(`${type} ${major}`)) groups.set(`${type} ${major}`, name);
  }
  return groups;
}
