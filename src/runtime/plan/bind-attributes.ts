import * as k from '#sys';
import { type AttributeChange, superblockOptions, withoutEffect } from '#sys';

/** Flags of one mount as mountinfo names them; the access time is one of `noatime`, `relatime`, or neither. */
type Flag = keyof typeof attributes;

const attributes = {
  ro: k.MOUNT_ATTR_RDONLY,
  nosuid: k.MOUNT_ATTR_NOSUID,
  nodev: k.MOUNT_ATTR_NODEV,
  noexec: k.MOUNT_ATTR_NOEXEC,
  nosymfollow: k.MOUNT_ATTR_NOSYMFOLLOW,
  noatime: k.MOUNT_ATTR_NOATIME,
  nodiratime: k.MOUNT_ATTR_NODIRATIME,
  relatime: k.MOUNT_ATTR_RELATIME,
  strictatime: k.MOUNT_ATTR_STRICTATIME,
} as const;

const plain = ['ro', 'nosuid', 'nodev', 'noexec', 'nosymfollow'] as const satisfies readonly Flag[];
const times = ['noatime', 'nodiratime', 'relatime', 'strictatime'] as const satisfies readonly Flag[];
/** What mount_namespaces(7) locks besides the access time. */
const lockable = ['ro', 'nosuid', 'nodev', 'noexec'] as const satisfies readonly Flag[];

/** mount(8) words that take a flag away. */
const clearing: Readonly<Record<string, Flag>> = {
  rw: 'ro',
  suid: 'nosuid',
  dev: 'nodev',
  exec: 'noexec',
  symfollow: 'nosymfollow',
  atime: 'noatime',
  diratime: 'nodiratime',
  norelatime: 'relatime',
  nostrictatime: 'strictatime',
};

interface Wishes {
  readonly set: ReadonlySet<Flag>;
  readonly cleared: ReadonlySet<Flag>;
  /** Some flag is spoken of, be it one that a bind mount cannot have. */
  readonly any: boolean;
}

function readWishes(options: readonly string[]): Wishes {
  const [set, cleared] = [new Set<Flag>(), new Set<Flag>()];
  let any = false;
  for (const option of options) {
    const off = Object.hasOwn(clearing, option) ? clearing[option] : undefined;
    if (off !== undefined) {
      set.delete(off);
      cleared.add(off);
    } else if (isFlag(option)) {
      set.add(option);
      cleared.delete(option);
    } else if (!superblockOptions.has(option) && (!withoutEffect.has(option) || option === '' || option === 'defaults')) continue;
    any = true;
  }
  return { set, cleared, any };
}

function isFlag(option: string): option is Flag {
  return Object.hasOwn(attributes, option);
}

/** Whether it matters which flags of the source are locked: `restricted` when it is read-only, nosuid, nodev or noexec in one way or another. */
export function dependsOnLocks(options: readonly string[], restricted: boolean): boolean {
  const { set, any } = readWishes(options);
  return any && (restricted || times.some((flag) => set.has(flag)));
}

/**
 * The attributes of a bind mount, as runc gives them: those of its source where the options name no flag at all, else the named ones and no others, the access time
 * excepted, which stays until another is named. `locked` are the flags of the source that a mount namespace of less privilege may not take away (mount_namespaces(7)): what
 * the options do not speak of then stays. Returns null when they speak against one of these.
 */
export function planBindAttributes(options: readonly string[], locked: ReadonlySet<string> | null): AttributeChange | null {
  const { set, cleared, any } = readWishes(options);
  if (!any) return { set: 0, clear: 0 };
  const kept = lockable.filter((flag) => locked?.has(flag) === true);
  const simple = changeTo(set, set);
  if (locked === null || (kept.every((flag) => set.has(flag)) && keepsTimes(set, locked))) return simple;
  const held = new Set<string>([...locked, ...(locked.has('noatime') || locked.has('relatime') ? [] : ['strictatime'])]);
  if ([...lockable, ...times].some((flag) => held.has(flag) && cleared.has(flag))) return null;
  const named = times.filter((flag) => set.has(flag));
  if (named.length > 0 && times.some((flag) => held.has(flag) !== set.has(flag))) return null;
  return changeTo(new Set([...set, ...kept]), new Set());
}

function changeTo(set: ReadonlySet<Flag>, named: ReadonlySet<Flag>): AttributeChange {
  const wanted = plain.filter((flag) => set.has(flag));
  const rest = plain.filter((flag) => !set.has(flag));
  const change = { set: bitsOf(wanted), clear: bitsOf(rest) };
  if (!times.some((flag) => named.has(flag))) return change;
  const time = accessTime(named);
  return {
    set: change.set | attributes[time] | (named.has('nodiratime') ? k.MOUNT_ATTR_NODIRATIME : 0),
    clear: change.clear | k.MOUNT_ATTR__ATIME | (named.has('nodiratime') ? 0 : k.MOUNT_ATTR_NODIRATIME),
  };
}

/** mount(2): strict wins over none, and what names neither means relative. */
function accessTime(named: ReadonlySet<Flag>): Flag {
  if (named.has('strictatime')) return 'strictatime';
  return named.has('noatime') ? 'noatime' : 'relatime';
}

function keepsTimes(set: ReadonlySet<Flag>, locked: ReadonlySet<string>): boolean {
  if (!times.some((flag) => set.has(flag))) return true;
  const before = locked.has('noatime') ? 'noatime' : locked.has('relatime') ? 'relatime' : 'strictatime';
  return accessTime(set) === before && set.has('nodiratime') === locked.has('nodiratime');
}

function bitsOf(flags: readonly Flag[]): number {
  return flags.reduce((bits, flag) => bits | attributes[flag], 0);
}
