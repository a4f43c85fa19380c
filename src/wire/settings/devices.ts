import { OrlopError } from '#errors';
import { checkMountTarget } from '../mount-wishes.ts';
import { parseProxy, proxyKeys } from './proxies.ts';
import { parseSize } from './values.ts';

/** What a device is: `type`, and what that type takes. */
export type DeviceConfig = Readonly<Record<string, string>>;

/** By their names. */
export type DeviceMap = Readonly<Record<string, DeviceConfig>>;

export interface DevicesBody {
  /** All that the container has. */
  readonly devices: DeviceMap;
  /** The profiles that those come from which are not its own. */
  readonly profiles: Readonly<Record<string, string>>;
}

export interface DeviceType {
  readonly name: string;
  readonly summary: string;
  /** Its keys, and what stands for their values. */
  readonly keys: Readonly<Record<string, string>>;
  readonly required: readonly string[];
}

const node = { source: 'path on the host', path: 'in the container (default the same)', permissions: 'letters of rwm (default all)' };

/** All that can be added to a container by name. */
export const deviceTypes: readonly DeviceType[] = [
  {
    name: 'disk',
    summary: 'A directory or file of the host, or a volume',
    keys: { source: 'path on the host, or name of a volume', path: 'in the container', readonly: 'true or false' },
    required: ['source', 'path'],
  },
  {
    name: 'tmpfs',
    summary: 'A directory in memory',
    keys: { path: 'in the container', size: 'at most (default half of the memory)' },
    required: ['path'],
  },
  {
    name: 'nic',
    summary: 'A place in a network',
    keys: { network: 'name', 'ipv4.address': 'address', 'ipv6.address': 'address', hwaddr: 'hardware address' },
    required: ['network'],
  },
  { name: 'unix-char', summary: 'A character device of the host', keys: node, required: ['source'] },
  { name: 'unix-block', summary: 'A block device of the host', keys: node, required: ['source'] },
  { name: 'usb', summary: 'A device, or a directory of them, below /dev/bus/usb', keys: node, required: ['source'] },
  { name: 'gpu', summary: 'The nodes below /dev/dri, or others', keys: node, required: [] },
  {
    name: 'proxy',
    summary: 'What comes to a port or socket of one side, brought to one of the other',
    keys: proxyKeys,
    required: ['listen', 'connect'],
  },
  { name: 'none', summary: 'Nothing, in place of what a profile gives by this name', keys: {}, required: [] },
];

/** A device as it is kept. invalid-argument naming it for what it cannot be. */
export function checkDevice(name: string, config: DeviceConfig): DeviceConfig {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/.test(name))
    throw invalid(name, 'its name must be letters, digits, dots, hyphens and underscores, 63 at most');
  const { type = '' } = config;
  const known = deviceTypes.find((one) => one.name === type);
  if (known === undefined) throw invalid(name, `its type must be one of ${deviceTypes.map((one) => one.name).join(', ')}`);
  const odd = Object.keys(config).find((key) => key !== 'type' && !Object.hasOwn(known.keys, key));
  if (odd !== undefined) throw invalid(name, `${type} takes no ${odd}: it takes ${Object.keys(known.keys).join(', ')}`);
  const missing = known.required.find((key) => (config[key] ?? '') === '');
  if (missing !== undefined) throw invalid(name, `${type} needs ${missing}`);
  checkValues(name, config);
  if (type === 'proxy') parseProxy(name, config);
  return config;
}

function checkValues(name: string, config: DeviceConfig): void {
  const { type, source, path, size, readonly: isReadOnly, permissions } = config;
  if (path !== undefined) {
    if (!path.startsWith('/')) throw invalid(name, `path must be absolute, and ${path} is not`);
    checkMountTarget(path);
  }
  const isVolume = type === 'disk' && source !== undefined && !source.startsWith('/');
  if (source !== undefined && !isVolume && !source.startsWith('/'))
    throw invalid(name, `source must be an absolute path, and ${source} is none`);
  if (size !== undefined && (parseSize(size) ?? 0) <= 0) throw invalid(name, `size must be such as 64M, and ${size} is not`);
  if (isReadOnly !== undefined && isReadOnly !== 'true' && isReadOnly !== 'false') throw invalid(name, 'readonly must be true or false');
  if (permissions !== undefined && !/^[rwm]{1,3}$/.test(permissions)) throw invalid(name, 'permissions must be letters of rwm');
  if (Object.values(config).some((value) => value.includes('\0'))) throw invalid(name, 'no value may contain NUL');
}

function invalid(name: string, why: string): OrlopError {
  return new OrlopError('invalid-argument', 'DEVICE_INVALID', `device ${JSON.stringify(name)}: ${why}`, {
    hint: 'see: orlop device add --help',
  });
}
