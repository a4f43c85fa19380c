import { OrlopError } from '#errors';
import type { LinuxResources } from '#oci';
import { refuseResource, type CgroupWrite } from './writes.ts';

export type DeviceRule = NonNullable<LinuxResources['devices']>[number];

/** BPF_DEVCG_ACC_*: the three things that one may do with a device. */
export const accessBits = { m: 1, r: 2, w: 4 } as const;
const allAccess = accessBits.m | accessBits.r | accessBits.w;

/** A rule as both versions enforce it; null stands for any. A rule for `a` is one for everything, whatever else it says. */
export interface DeviceMatch {
  readonly allow: boolean;
  readonly type: 'a' | 'b' | 'c';
  readonly major: number | null;
  readonly minor: number | null;
  /** Sum of `accessBits`. */
  readonly access: number;
}

/**
 * What every container may use whatever the rules say: making device nodes (not opening them), the harmless character devices,
 * and pseudo-terminals (runtime-spec config-linux, "Default devices"); and, as with runc, tunnels, which need their own capability.
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
    [10, 200],
  ].map(([major = 0, minor = 0]): DeviceRule => ({ allow: true, type: 'c', major, minor, access: 'rwm' })),
  { allow: true, type: 'c', major: 136, access: 'rwm' },
];

/**
 * The whole list that holds for a container: nothing is allowed (runtime-spec: "Allowed Device list") but what the rules allow and what every container may
 * use. Of the rules that name a device and an access, the last one decides. `invalid-argument` for a rule that makes no sense.
 */
export function completeDeviceRules(rules: readonly DeviceRule[]): DeviceMatch[] {
  return [{ allow: false, type: 'a', access: 'rwm' } as const, ...rules, ...alwaysAllowedDevices].map(parseDeviceRule);
}

export function parseDeviceRule(rule: DeviceRule): DeviceMatch {
  checkDeviceRule(rule);
  const number = (value: number | undefined): number | null => (value === undefined || value < 0 ? null : value);
  const letters = rule.access === undefined || rule.access === '' ? 'rwm' : rule.access;
  const access = (['r', 'w', 'm'] as const).reduce((bits, letter) => bits | (letters.includes(letter) ? accessBits[letter] : 0), 0);
  const type = rule.type ?? 'a';
  if (type === 'a') return { allow: rule.allow, type, major: null, minor: null, access: allAccess };
  return { allow: rule.allow, type, major: number(rule.major), minor: number(rule.minor), access };
}

/** An "a" among the letters of an access names nothing: it is written where somebody thought of the type, and runc takes it. */
function checkDeviceRule(rule: DeviceRule): void {
  const type = rule.type ?? 'a';
  const wide = (rule.major ?? -1) < 0 && (rule.minor ?? -1) < 0;
  const whole = rule.access === undefined || [...'rwm'].every((letter) => rule.access?.includes(letter));
  const numbered = [rule.major ?? 0, rule.minor ?? 0].every((value) => Number.isInteger(value) && value < 2 ** 32);
  if (!['a', 'b', 'c'].includes(type) || !/^(?:[rwma]*[rwm][rwma]*)?$/.test(rule.access ?? '') || !numbered) {
    throw new OrlopError(
      'invalid-argument',
      'RUNTIME_DEVICE_RULE',
      `device rule ${JSON.stringify(rule)} has an unknown type, number or access`,
    );
  }
  if (type === 'a' && !(wide && whole)) {
    throw new OrlopError('invalid-argument', 'RUNTIME_DEVICE_RULE', `device rule ${JSON.stringify(rule)}: type "a" cannot be narrowed`, {
      hint: 'write one rule for type "c" and one for type "b"',
    });
  }
}

/** True when the list leaves everything allowed: nothing needs to be enforced. */
export function allowsEverything(rules: readonly DeviceMatch[]): boolean {
  const last = rules.findLastIndex(({ type }) => type === 'a');
  return rules[last]?.allow === true && rules.slice(last).every(({ allow }) => allow);
}

/**
 * The writes of v1 (cgroup-v1/devices.rst), `c 1:3 rwm` to devices.allow or devices.deny. The kernel keeps a default and exceptions from it, and silently
 * passes over a rule that takes a part out of a wider exception: such a list is refused with `unimplemented`. In a cgroup that lacks some device itself, as in a container,
 * it cannot be handed on: those that every container may use are left out then.
 */
export function planDevicesV1(rules: readonly DeviceMatch[]): CgroupWrite[] {
  let allowed = true;
  let exceptions: DeviceMatch[] = [];
  for (const rule of rules) {
    if (rule.type === 'a') [allowed, exceptions] = [rule.allow, []];
    else exceptions = rule.allow === allowed ? withdraw(exceptions, rule) : [...exceptions, rule];
  }
  const usual = new Set(alwaysAllowedDevices.map((rule) => formatException(parseDeviceRule(rule))));
  const write = (allow: boolean, value: string): CgroupWrite => ({
    controller: 'devices',
    file: allow ? 'devices.allow' : 'devices.deny',
    value,
    about: 'linux.resources.devices',
    ...(allow && usual.has(value) ? { unlessForbidden: true } : {}),
  });
  return [write(allowed, 'a'), ...exceptions.map((rule) => write(rule.allow, formatException(rule)))];
}

/** The exceptions without what the rule takes back. */
function withdraw(exceptions: readonly DeviceMatch[], rule: DeviceMatch): DeviceMatch[] {
  const within = (inner: number | null, outer: number | null): boolean => outer === null || inner === outer;
  return exceptions.flatMap((exception) => {
    const meets =
      exception.type === rule.type &&
      (within(exception.major, rule.major) || within(rule.major, exception.major)) &&
      (within(exception.minor, rule.minor) || within(rule.minor, exception.minor));
    if (!meets || (exception.access & rule.access) === 0) return [exception];
    if (!within(exception.major, rule.major) || !within(exception.minor, rule.minor)) {
      const [part, whole] = [formatException(rule), formatException(exception)];
      throw refuseResource('linux.resources.devices', `v1 device lists cannot take ${part} out of ${whole}`);
    }
    const access = exception.access & ~rule.access;
    return access === 0 ? [] : [{ ...exception, access }];
  });
}

function formatException({ type, major, minor, access }: DeviceMatch): string {
  const letters = (['r', 'w', 'm'] as const).filter((letter) => (access & accessBits[letter]) !== 0).join('');
  return `${type} ${major ?? '*'}:${minor ?? '*'} ${letters}`;
}
