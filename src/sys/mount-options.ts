import * as k from './constants.ts';

/** Attributes to set and to clear, MOUNT_ATTR_* bits as for mount_setattr(2). */
export interface AttributeChange {
  readonly set: number;
  readonly clear: number;
}

/** The options of one mount, sorted by what performs them. */
export interface MountOptions {
  /** `one`: the mount alone; `tree`: with all mounts below it. */
  readonly bind: 'no' | 'one' | 'tree';
  readonly own: AttributeChange;
  /** For the whole tree (`rro`, `rnosuid`, …). */
  readonly tree: AttributeChange;
  /** MS_PRIVATE, MS_SLAVE, MS_SHARED or MS_UNBINDABLE, in the order asked for. */
  readonly propagation: readonly { readonly flag: number; readonly recursive: boolean }[];
  readonly idmap: 'no' | 'one' | 'tree';
  /** Change what is mounted at the place already. */
  readonly remount: boolean;
  /** `tmpcopyup`: the directory's content is copied into the new tmpfs. */
  readonly copyUp: boolean;
  /** For the file system itself, in order. */
  readonly data: readonly string[];
}

const attributeOptions: Readonly<Record<string, AttributeChange>> = {
  ro: { set: k.MOUNT_ATTR_RDONLY, clear: 0 },
  rw: { set: 0, clear: k.MOUNT_ATTR_RDONLY },
  nosuid: { set: k.MOUNT_ATTR_NOSUID, clear: 0 },
  suid: { set: 0, clear: k.MOUNT_ATTR_NOSUID },
  nodev: { set: k.MOUNT_ATTR_NODEV, clear: 0 },
  dev: { set: 0, clear: k.MOUNT_ATTR_NODEV },
  noexec: { set: k.MOUNT_ATTR_NOEXEC, clear: 0 },
  exec: { set: 0, clear: k.MOUNT_ATTR_NOEXEC },
  nodiratime: { set: k.MOUNT_ATTR_NODIRATIME, clear: 0 },
  diratime: { set: 0, clear: k.MOUNT_ATTR_NODIRATIME },
  nosymfollow: { set: k.MOUNT_ATTR_NOSYMFOLLOW, clear: 0 },
  symfollow: { set: 0, clear: k.MOUNT_ATTR_NOSYMFOLLOW },
  // The access time is one field of several bits: to set it, it is cleared as a whole (mount_setattr(2)).
  relatime: { set: k.MOUNT_ATTR_RELATIME, clear: k.MOUNT_ATTR__ATIME },
  norelatime: { set: k.MOUNT_ATTR_RELATIME, clear: k.MOUNT_ATTR__ATIME },
  atime: { set: k.MOUNT_ATTR_RELATIME, clear: k.MOUNT_ATTR__ATIME },
  noatime: { set: k.MOUNT_ATTR_NOATIME, clear: k.MOUNT_ATTR__ATIME },
  strictatime: { set: k.MOUNT_ATTR_STRICTATIME, clear: k.MOUNT_ATTR__ATIME },
  nostrictatime: { set: k.MOUNT_ATTR_RELATIME, clear: k.MOUNT_ATTR__ATIME },
};

const propagationOptions: Readonly<Record<string, number>> = {
  private: k.MS_PRIVATE,
  slave: k.MS_SLAVE,
  shared: k.MS_SHARED,
  unbindable: k.MS_UNBINDABLE,
};

/** What every file system does anyway; `iversion` is on wherever a file system can, and fsconfig(2) has no word for it. */
export const withoutEffect: ReadonlySet<string> = new Set([
  'defaults',
  'async',
  'nomand',
  'nolazytime',
  'iversion',
  'noiversion',
  'loud',
  'silent',
  '',
]);

/** Properties of a file system as a whole, known to fsconfig(2) for all of them. A bind mount takes them from the file system that it shows. */
export const superblockOptions: ReadonlySet<string> = new Set(['sync', 'dirsync', 'mand', 'lazytime']);

/** All option names that are understood by themselves, for `features`. */
export function listMountOptions(): readonly string[] {
  return [
    ...Object.keys(attributeOptions),
    ...Object.keys(attributeOptions).map((name) => `r${name}`),
    ...Object.keys(propagationOptions).flatMap((name) => [name, `r${name}`]),
    'bind',
    'rbind',
    'idmap',
    'ridmap',
    'tmpcopyup',
    'remount',
    ...superblockOptions,
    ...[...withoutEffect].filter((name) => name !== ''),
  ].toSorted();
}

/** runtime-spec config, "Linux mount options". What is not in its table is for the file system. Later options win over earlier ones. */
export function parseMountOptions(options: readonly string[]): MountOptions {
  let bind: MountOptions['bind'] = 'no';
  let idmap: MountOptions['idmap'] = 'no';
  let copyUp = false;
  let remount = false;
  let own: AttributeChange = { set: 0, clear: 0 };
  let tree: AttributeChange = { set: 0, clear: 0 };
  const propagation: { flag: number; recursive: boolean }[] = [];
  const data: string[] = [];
  for (const option of options) {
    const bare = option.startsWith('r') ? option.slice(1) : '';
    if (Object.hasOwn(attributeOptions, option)) own = merge(own, attributeOptions[option]);
    else if (Object.hasOwn(attributeOptions, bare)) tree = merge(tree, attributeOptions[bare]);
    else if (Object.hasOwn(propagationOptions, option)) propagation.push({ flag: propagationOptions[option] ?? 0, recursive: false });
    else if (Object.hasOwn(propagationOptions, bare)) propagation.push({ flag: propagationOptions[bare] ?? 0, recursive: true });
    else if (option === 'bind' || option === 'rbind') bind = option === 'bind' ? 'one' : 'tree';
    else if (option === 'idmap' || option === 'ridmap') idmap = option === 'idmap' ? 'one' : 'tree';
    else if (option === 'tmpcopyup') copyUp = true;
    else if (option === 'remount') remount = true;
    else if (!withoutEffect.has(option)) data.push(option);
  }
  return { bind, own, tree, propagation, idmap, copyUp, remount, data };
}

function merge(before: AttributeChange, change: AttributeChange | undefined): AttributeChange {
  if (change === undefined) return before;
  return { set: (before.set & ~change.clear) | change.set, clear: (before.clear & ~change.set) | change.clear };
}
