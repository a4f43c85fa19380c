import {
  always,
  complain,
  derived,
  dictionary,
  flag,
  kept,
  list,
  object,
  pairs,
  replacing,
  shortOr,
  text,
  textOrNumber,
  whole,
  type Node,
  type Shape,
  type ValueOf,
} from '../shape/index.ts';
import { filePath, resolvePath } from './paths.ts';
import { texts } from './parts.ts';

const options = dictionary(textOrNumber(), { empty: '' });

/** `external: true`, or the old form with the name inside. */
const external: Shape<boolean> = {
  ...flag(),
  read: (node, reading) => (node.kind === 'map' ? true : flag().read(node, reading)),
};

/** The old form `external: {name: x}` names the resource. */
function withOldName<T extends { readonly name?: string }>(shape: Shape<T>): Shape<T> {
  return {
    ...shape,
    read: (node, reading) => {
      const value = shape.read(node, reading);
      const old = node.kind === 'map' ? node.entries.get('external') : undefined;
      const name = old?.kind === 'map' ? textOf(old.entries.get('name')) : undefined;
      if (value === undefined || name === undefined) return value;
      reading.warnings?.push(`${reading.path}: external.name is deprecated. Please set name and external: true`);
      if (value.name !== undefined && value.name !== name) return complain(reading, node, 'name and external.name conflict; only use name');
      return { ...value, name };
    },
  };
}

function textOf(node: Node | undefined): string | undefined {
  return node?.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
}

const pool = object({ subnet: text(), gateway: text(), ip_range: text(), aux_addresses: dictionary(text()) });
const pools = list(pool);
const ipam = object({ driver: text(), config: pools, options: dictionary(text()) });

export const network = withOldName(
  object({
    name: text(),
    driver: text(),
    driver_opts: options,
    ipam: always(
      {
        ...ipam,
        // Pools of the same subnet are one; later files add to it.
        merge: (base, over) => {
          const merged = ipam.merge(base, over);
          if (base.config === undefined || over.config === undefined) return merged;
          const key = (subnet: string | undefined, index: number): string => subnet ?? String(index);
          const bySubnet = new Map(base.config.map((entry, index) => [key(entry.subnet, index), entry]));
          for (const [index, entry] of over.config.entries()) {
            const earlier = bySubnet.get(key(entry.subnet, index));
            bySubnet.set(key(entry.subnet, index), earlier === undefined ? entry : pool.merge(earlier, entry));
          }
          return { ...merged, config: [...bySubnet.values()] };
        },
      },
      {},
      'json',
    ),
    external,
    internal: flag(),
    attachable: flag(),
    labels: pairs(''),
    enable_ipv4: kept(flag()),
    enable_ipv6: kept(flag()),
  }),
);
export type NetworkConfig = ValueOf<typeof network>;

export const volume = derived(
  withOldName(object({ name: text(), driver: text(), driver_opts: options, external, labels: pairs('') })),
  (value, reading) => {
    const { driver = 'local', driver_opts: options = {} } = value;
    const device = options['device'];
    const isBind = driver === 'local' && options['o'] === 'bind' && device !== undefined;
    return isBind ? { ...value, driver_opts: { ...options, device: resolvePath(device, reading) } } : value;
  },
);
export type VolumeConfig = ValueOf<typeof volume>;

const fileFields = { name: text(), file: filePath(), environment: text() };

export const secret = withOldName(
  object({ ...fileFields, external, labels: pairs(''), driver: text(), driver_opts: options, template_driver: text() }),
);
export type SecretConfig = ValueOf<typeof secret>;

export const config = withOldName(object({ ...fileFields, content: text(), external, labels: pairs(''), template_driver: text() }));
export type ConfigConfig = ValueOf<typeof config>;

export const model = object({ name: text(), model: text(), context_size: whole(), runtime_flags: replacing(texts()) }, ['model']);

export const include = shortOr(object({ path: pathList(), project_directory: text(), env_file: pathList() }), (path) => ({ path: [path] }));
export type IncludeConfig = ValueOf<typeof include>;

function pathList(): Shape<readonly string[]> {
  return {
    ...texts(),
    read: (node, reading) => (node.kind === 'scalar' && typeof node.value === 'string' ? [node.value] : texts().read(node, reading)),
  };
}
