import { normalize } from 'node:path';
import {
  checked,
  complain,
  derived,
  flag,
  kept,
  list,
  object,
  oneOf,
  pairs,
  shortOr,
  size,
  text,
  variableText,
  whole,
  type Reading,
  type Shape,
  type ValueOf,
} from '../shape/index.ts';
import { resolvePath } from './paths.ts';

const bind = object({
  selinux: oneOf('z', 'Z'),
  propagation: text(),
  create_host_path: flag(),
  recursive: oneOf('enabled', 'disabled', 'writable', 'readonly'),
});

/** Bytes of memory; none is no limit. */
const memory = checked({ ...size(), hides: (printed) => printed === '0' }, (bytes) => (bytes < 0 ? 'must be 0 or more' : null));
const fileMode: Shape<number> = {
  ...whole(0),
  read: (node, reading) =>
    node.kind === 'scalar' && typeof node.value === 'string' && variableText(node, reading) === undefined
      ? complain(reading, node, 'must be a number such as 0o700')
      : whole(0).read(node, reading),
};

const mount = object(
  {
    type: oneOf('bind', 'volume', 'tmpfs', 'cluster', 'npipe', 'image'),
    source: text(),
    target: text(),
    read_only: flag(),
    consistency: text(),
    bind: kept(bind),
    volume: kept(object({ labels: pairs(''), nocopy: flag(), subpath: text() })),
    tmpfs: kept(object({ size: memory, mode: fileMode })),
    image: kept(object({ subpath: text() })),
  },
  ['type'],
);

export type MountConfig = ValueOf<typeof mount>;

/** Volumes of a service; of several on the same target the last one counts. */
export function mounts(): Shape<readonly MountConfig[]> {
  const sourced = checked(shortOr(mount, parseMount), ({ type, source = '' }) =>
    type === 'bind' && source === '' ? 'invalid mount config for type "bind": field Source must not be empty' : null,
  );
  return list(derived(sourced, resolveSource), ({ target = '' }) => target);
}

function resolveSource(value: MountConfig, reading: Reading): MountConfig {
  const { type, source = '', target = '' } = value;
  const clean = target === '' ? {} : { target: normalize(target).replace(/(?<=.)\/$/, '') };
  return { ...value, ...clean, ...(type === 'bind' && /^[.~]/.test(source) ? { source: resolvePath(source, reading) } : {}) };
}

const propagations = ['rprivate', 'private', 'rshared', 'shared', 'rslave', 'slave'];

/** `[SOURCE:]TARGET[:MODE]`. Throws an Error that says what is wrong. Source: compose-spec 05-services, short syntax of volumes. Pure. */
export function parseMount(text: string): MountConfig {
  const parts = text.split(':');
  if (parts.some((part) => part === '')) throw new Error(`invalid spec: ${text}: empty section between colons`);
  if (parts.length > 3) throw new Error(`invalid spec: ${text}: too many colons`);
  const [first = '', second, third = ''] = parts;
  if (second === undefined) return { type: 'volume', target: first, ...(text.length > 2 ? { volume: {} } : {}) };
  const options = third.split(',');
  const readOnly = options.filter((word) => word === 'ro' || word === 'rw').at(-1) === 'ro';
  const common = { source: first, target: second, ...(readOnly ? { read_only: true } : {}) };
  const propagation = options.filter((word) => propagations.includes(word)).at(-1);
  const selinux = options.filter((word): word is 'z' | 'Z' => word === 'z' || word === 'Z').at(-1);
  const bindOptions = { ...(selinux === undefined ? {} : { selinux }), ...(propagation === undefined ? {} : { propagation }) };
  const nocopy = options.includes('nocopy') ? { nocopy: true } : {};
  if (/^[./~]/.test(first))
    return {
      type: 'bind',
      ...common,
      bind: { ...bindOptions, create_host_path: true },
      ...(options.includes('nocopy') ? { volume: nocopy } : {}),
    };
  return { type: 'volume', ...common, volume: nocopy, ...(Object.keys(bindOptions).length === 0 ? {} : { bind: bindOptions }) };
}
