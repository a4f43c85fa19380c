import type { CreateRequest, DeviceRequest, DeviceWish } from '#wire';
import type { Arguments } from '../arguments/parse.ts';
import { usageError } from '../arguments/usage-error.ts';
import { splitFields } from './fields.ts';
import { parsePairs } from './pairs.ts';

export type DeviceOptions = Pick<CreateRequest, 'devices' | 'deviceRules' | 'deviceRequests'>;

/** `--device`, `--device-cgroup-rule` and `--gpus`; only what was given is in it. */
export function readDeviceOptions(args: Arguments): DeviceOptions {
  const given = args.list('device');
  const names = given.filter(isQualifiedName);
  const devices = given.filter((text) => !isQualifiedName(text)).map(parseDevice);
  const deviceRules = args.list('device-cgroup-rule').map(checkRule);
  const deviceRequests = [
    ...args.list('gpus').map(parseGpus),
    ...(names.length === 0 ? [] : [{ driver: 'cdi', count: 0, ids: names, capabilities: [] }]),
  ];
  return {
    ...(devices.length === 0 ? {} : { devices }),
    ...(deviceRules.length === 0 ? {} : { deviceRules }),
    ...(deviceRequests.length === 0 ? {} : { deviceRequests }),
  };
}

/** `vendor.com/class=name`, as the Container Device Interface names devices. */
function isQualifiedName(text: string): boolean {
  return /^[A-Za-z][\w.-]*\/[A-Za-z][\w-]*=[A-Za-z0-9][\w.:-]*$/.test(text);
}

/** `/dev/fuse`, `/dev/fuse:/dev/other`, `/dev/fuse:/dev/other:rwm`, `/dev/fuse:r`. */
export function parseDevice(text: string): DeviceWish {
  const [source = '', second, third, ...rest] = text.split(':');
  if (source === '' || rest.length > 0) throw usageError(`invalid device specification: ${text}`);
  const bare = third === undefined && second !== undefined && isMode(second);
  const target = bare || second === undefined || second === '' ? source : second;
  const permissions = (bare ? second : third) ?? 'rwm';
  if (!isMode(permissions)) throw usageError(`bad mode specified: ${permissions}`);
  if (!target.startsWith('/')) throw usageError(`${target} is not an absolute path`);
  return { source, target, permissions };
}

function isMode(text: string): boolean {
  return /^(?!.*(.).*\1)[rwm]{1,3}$/.test(text);
}

function checkRule(rule: string): string {
  if (/^[acb] (?:\d+|\*):(?:\d+|\*) [rwm]{1,3}$/.test(rule)) return rule;
  throw usageError(`invalid device cgroup format '${rule}'`);
}

/** `all`, `2`, `"device=0,1"`, `driver=nvidia,"capabilities=compute,utility",count=1`: Docker's grammar and words. */
export function parseGpus(text: string): DeviceRequest {
  const fields = new Map<string, string>();
  for (const field of splitFields(text)) {
    const at = field.indexOf('=');
    const [key, value] = at < 0 ? ['count', field] : [field.slice(0, at), field.slice(at + 1)];
    if (!['driver', 'count', 'device', 'capabilities', 'options'].includes(key)) throw usageError(`unexpected key '${key}' in '${field}'`);
    if (fields.has(key)) throw usageError(`gpu request key '${key}' can be specified only once`);
    fields.set(key, value);
  }
  const ids = fields.get('device')?.split(',') ?? [];
  const capabilities = fields.get('capabilities')?.split(',') ?? [];
  return {
    driver: fields.get('driver') ?? '',
    count: fields.has('count') ? parseCount(fields.get('count') ?? '') : ids.length > 0 ? 0 : 1,
    ids,
    capabilities: [[...capabilities, 'gpu']],
    options: parsePairs(
      'gpus',
      splitFields(fields.get('options') ?? '').filter((option) => option !== ''),
    ),
  };
}

function parseCount(text: string): number {
  if (text === 'all') return -1;
  if (/^-?\d{1,9}$/.test(text)) return Number(text);
  throw usageError(`invalid count (${text}): value must be either "all" or an integer`);
}
