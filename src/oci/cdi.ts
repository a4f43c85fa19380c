import { OrlopError } from '#errors';
import { array, cString, type Decoder, integer, object, optional, record, refuse, required, string, uint32 } from './json/decode.ts';

/** A node of the host that a device consists of. */
export interface CdiDeviceNode {
  /** In the container. */
  readonly path: string;
  /** On the host; absent: the same. */
  readonly hostPath?: string;
  readonly type?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly fileMode?: number;
  /** Letters of `rwm`. */
  readonly permissions?: string;
  readonly uid?: number;
  readonly gid?: number;
}

export interface CdiMount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly type?: string;
  readonly options?: readonly string[];
}

/** What a container gets with a device. `unsupported`: names of properties that nothing here can fulfil. */
export interface CdiEdits {
  readonly env: readonly string[];
  readonly deviceNodes: readonly CdiDeviceNode[];
  readonly mounts: readonly CdiMount[];
  readonly additionalGids: readonly number[];
  readonly unsupported: readonly string[];
}

export interface CdiDevice {
  readonly name: string;
  readonly edits: CdiEdits;
}

/** A specification of the Container Device Interface: devices of one kind, and what all of them need. */
export interface CdiSpec {
  /** `vendor.com/class` */
  readonly kind: string;
  readonly edits: CdiEdits;
  readonly devices: readonly CdiDevice[];
}

/** Those whose meaning is known (container-device-interface, SPEC.md, "Version"). */
export const cdiVersions: readonly string[] = ['0.1.0', '0.2.0', '0.3.0', '0.4.0', '0.5.0', '0.6.0', '0.7.0', '0.8.0', '1.0.0', '1.1.0'];

/** Whether a text names a device: `vendor.com/class=name`. */
export function isCdiDeviceName(text: string): boolean {
  const at = text.indexOf('=');
  return at > 0 && kindPattern.test(text.slice(0, at)) && namePattern.test(text.slice(at + 1));
}

const kindPattern = /^[A-Za-z](?:[\w.-]*[A-Za-z0-9])?\/[A-Za-z](?:[\w-]*[A-Za-z0-9])?$/;
const namePattern = /^[A-Za-z0-9](?:[\w.:-]*[A-Za-z0-9])?$/;

const absolutePath: Decoder<string> = (value, path) => {
  const text = cString(value, path);
  return text.startsWith('/') && !text.split('/').includes('..') ? text : refuse(path, 'an absolute path without ".."', value);
};

const permissions: Decoder<string> = (value, path) =>
  typeof value === 'string' && /^[rwm]{0,3}$/.test(value) ? value : refuse(path, 'letters of "rwm"', value);

const variable: Decoder<string> = (value, path) => {
  const text = cString(value, path);
  return /^[^=]+=/.test(text) ? text : refuse(path, 'NAME=value', value);
};

const deviceNode = object<CdiDeviceNode>({
  path: required(absolutePath),
  hostPath: optional(absolutePath),
  type: optional(string),
  major: optional(uint32),
  minor: optional(uint32),
  fileMode: optional(integer(0, 0o7777)),
  permissions: optional(permissions),
  uid: optional(uint32),
  gid: optional(uint32),
});

const mount = object<CdiMount>({
  hostPath: required(absolutePath),
  containerPath: required(absolutePath),
  type: optional(string),
  options: optional(array(cString)),
});

interface RawEdits {
  readonly env?: readonly string[];
  readonly deviceNodes?: readonly CdiDeviceNode[];
  readonly mounts?: readonly CdiMount[];
  readonly additionalGids?: readonly number[];
}

const rawEdits = object<RawEdits>({
  env: optional(array(variable)),
  deviceNodes: optional(array(deviceNode, 1000)),
  mounts: optional(array(mount, 1000)),
  additionalGids: optional(array(uint32, 1000)),
});

/** What is not known may matter, so it is remembered by name; an empty list asks for nothing. */
const edits: Decoder<CdiEdits> = (value, path) => {
  const { env = [], deviceNodes = [], mounts = [], additionalGids = [] } = rawEdits(value, path);
  const known = new Set(['env', 'deviceNodes', 'mounts', 'additionalGids']);
  const others = Object.entries(record((inner) => inner)(value, path)).filter(([, inner]) => !isEmpty(inner));
  return { env, deviceNodes, mounts, additionalGids, unsupported: others.map(([name]) => name).filter((name) => !known.has(name)) };
};

function isEmpty(value: unknown): boolean {
  return value === null || (typeof value === 'object' && Object.keys(value).length === 0);
}

const noEdits: CdiEdits = { env: [], deviceNodes: [], mounts: [], additionalGids: [], unsupported: [] };

interface RawSpec {
  readonly cdiVersion: string;
  readonly kind: string;
  readonly containerEdits?: CdiEdits;
  readonly devices: readonly { readonly name: string; readonly containerEdits?: CdiEdits }[];
}

const rawSpec = object<RawSpec>({
  cdiVersion: required(string),
  kind: required((value, path) => (typeof value === 'string' && kindPattern.test(value) ? value : refuse(path, 'vendor.com/class', value))),
  containerEdits: optional(edits),
  devices: required(
    array(
      object<RawSpec['devices'][number]>({
        name: required((value, path) => (typeof value === 'string' && namePattern.test(value) ? value : refuse(path, 'a name', value))),
        containerEdits: optional(edits),
      }),
    ),
  ),
});

/** Reads a document that was JSON or YAML; `name` is how errors call it. invalid-argument `OCI_BAD_JSON` or `OCI_CDI_VERSION`. */
export function parseCdiSpec(value: unknown, name: string): CdiSpec {
  const spec = rawSpec(value, name);
  if (!cdiVersions.includes(spec.cdiVersion.replace(/^v/, ''))) {
    throw new OrlopError('invalid-argument', 'OCI_CDI_VERSION', `${name}: cdiVersion ${JSON.stringify(spec.cdiVersion)} is not known`, {
      hint: `known are ${cdiVersions.join(', ')}`,
    });
  }
  const names = spec.devices.map((device) => device.name);
  const twice = names.find((one, index) => names.indexOf(one) !== index);
  if (twice !== undefined) refuse(`${name}.devices`, `each name once, and not ${JSON.stringify(twice)} again`, names.length);
  return {
    kind: spec.kind,
    edits: spec.containerEdits ?? noEdits,
    devices: spec.devices.map((device) => ({ name: device.name, edits: device.containerEdits ?? noEdits })),
  };
}
