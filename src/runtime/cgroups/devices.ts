import { OrlopError } from '#errors';
import type { LinuxResources } from '#oci';
import type { CgroupWrite } from './writes.ts';

export type DeviceRule = NonNullable<LinuxResources['devices']>[number];

/**
 * What every container may use whatever the rules say: making device nodes (not opening them), the harmless character devices,
 * and pseudo-terminals. runtime-spec config-linux, "Default devices".
 */
export const alwaysAllowedDevices: readonly DeviceRule[] = [
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  ...[
    [1, 3],
    [1, 5],
    [1, 7],
    [1, 8],
    [1, 9],
    [5, 0],
    [5, 2],
  ].map(([major = 0, minor = 0]): DeviceRule => ({ allow: true, type: 'c', major, minor, access: 'rwm' })),
  { allow: true, type: 'c', major: 136, access: 'rwm' },
];

/** cgroup-v1/devices.rst: one line a rule, `c 1:3 rwm`, written to devices.allow or devices.deny, in order. */
export function planDevicesV1(rules: readonly DeviceRule[]): CgroupWrite[] {
  return rules.map((rule, index) => ({
    controller: 'devices',
    file: rule.allow ? 'devices.allow' : 'devices.deny',
    value: formatDeviceRule(rule),
    about: `linux.resources.devices[${index}]`,
  }));
}

export function formatDeviceRule(rule: DeviceRule): string {
  checkDeviceRule(rule);
  const type = rule.type ?? 'a';
  const number = (value: number | undefined): string => (value === undefined || value < 0 ? '*' : String(value));
  // `a` stands for everything: the kernel ignores what follows it.
  return type === 'a' ? 'a' : `${type} ${number(rule.major)}:${number(rule.minor)} ${rule.access || 'rwm'}`;
}

function checkDeviceRule(rule: DeviceRule): void {
  const type = rule.type ?? 'a';
  const whole =
    (rule.major ?? -1) < 0 &&
    (rule.minor ?? -1) < 0 &&
    (rule.access === undefined || [...'rwm'].every((letter) => rule.access?.includes(letter)));
  if (!['a', 'b', 'c', 'u', 'p'].includes(type) || !/^[rwm]*$/.test(rule.access ?? '')) {
    throw new OrlopError('invalid-argument', 'RUNTIME_DEVICE_RULE', `device rule ${JSON.stringify(rule)} has an unknown type or access`);
  }
  if (type === 'a' && !whole) {
    throw new OrlopError('invalid-argument', 'RUNTIME_DEVICE_RULE', `device rule ${JSON.stringify(rule)}: type "a" cannot be narrowed`, {
      hint: 'write one rule for type "c" and one for type "b"',
    });
  }
}

/** True when the rules, in order, leave everything allowed: nothing needs to be enforced. */
export function allowsEverything(rules: readonly DeviceRule[]): boolean {
  const last = rules.findLastIndex((rule) => formatDeviceRule(rule) === 'a');
  if (last < 0) return rules.every((rule) => rule.allow);
  return rules[last]?.allow === true && rules.slice(last).every((rule) => rule.allow);
}
