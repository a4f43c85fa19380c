import { copyFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { OrlopError } from '#errors';
import { copyTree, type Snapshot } from '#store';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  mountOverlayRoot,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  opaqueAttribute,
  openInRoot,
  removeTree,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  withErrno,
} from '#sys';
import type { EngineContext } from '../context.ts';
import { isMissing } from '../files/root.ts';
import { makeParents } from '../system/prepare.ts';

export interface KeptPaths {
  /** Absolute in the container. */
  readonly paths: readonly string[];
  readonly from: Snapshot;
  /** `upper`: absolute; not in use yet. */
  readonly to: { readonly lower: readonly string[]; readonly upper: string };
  readonly container: string;
}

/**
 * Brings files and directories of one root into the writable layer of another, where they hide what is at their places. Their parents are as they are there. not-found for what is not in the old root;
 * failed-precondition where the new one has no directory for it.
 */
export async function keepPaths(context: EngineContext, { paths, from, to, container }: KeptPaths): Promise<void> {
  const clean = [...new Set(paths.map((path) => posix.resolve('/', path)))].toSorted();
  const outermost = clean.filter((path) => !clean.some((other) => other !== path && path.startsWith(`${other}/`)));
  if (outermost.length === 0) return;
  if (outermost.includes('/'))
    throw new OrlopError('invalid-argument', 'ENGINE_KEEPS_ALL', 'the whole root cannot be kept: nothing would be new');
  if (from.disk !== null) {
    throw new OrlopError(
      'unimplemented',
      'ENGINE_KEEPS_ON_DISK',
      `container ${container} has a disk of its own size: nothing of it can be kept yet`,
      {
        hint: 'copy what you need out with orlop cp, and back in afterwards',
      },
    );
  }
  const { addon } = context;
  await using open = new AsyncDisposableStack();
  const held = (descriptor: number): number => open.adopt(descriptor, (one) => addon.close(one));
  const root = held(
    await mountOverlayRoot(addon, {
      base: context.dataRootDescriptor,
      lower: from.driver === 'native' ? [from.upper] : [from.upper, ...from.lower],
      fsuid: 0,
      fsgid: 0,
      way: context.overlayWay,
    }),
  );
  for (const path of outermost) {
    const source = held(openKept(context, root, path, container));
    if (makeParents(context.dataRoot, to, dirname(path)) === null) throw noPlace(path, container);
    const target = join(to.upper, path);
    await removeTree(addon, target);
    await bring(context, source, target);
  }
}

function openKept({ addon }: EngineContext, root: number, path: string, container: string): number {
  try {
    const parent = openInRoot(addon, root, dirname(path), O_PATH | O_DIRECTORY);
    try {
      return addon.openat2(parent, posix.basename(path), O_PATH | O_NOFOLLOW, 0, 0);
    } finally {
      addon.close(parent);
    }
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
    throw new OrlopError('not-found', 'ENGINE_KEPT_MISSING', `container ${container} has no ${path} that could be kept`, { cause });
  }
}

async function bring({ addon }: EngineContext, source: number, target: string): Promise<void> {
  const facts = addon.fstatat(source, '', AT_EMPTY_PATH);
  const type = facts.mode & S_IFMT;
  if (type === S_IFDIR) {
    addon.mkdirat(AT_FDCWD, target, 0o700);
    await copyTree(addon, [`/proc/self/fd/${source}/.`], target);
    const directory = addon.openat2(AT_FDCWD, target, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
    // What the image has there is not to be seen through it (overlayfs.rst, "whiteouts and opaque directories").
    addon.setxattr(directory, opaqueAttribute, Buffer.from('y'));
    addon.close(directory);
    return;
  }
  if (type !== S_IFREG)
    throw new OrlopError('invalid-argument', 'ENGINE_KEPT_KIND', `${target.slice(-200)} cannot be kept: it is no file and no directory`);
  withErrno(target, () => copyFileSync(`/proc/self/fd/${source}`, target));
  addon.fchownat(AT_FDCWD, target, facts.uid, facts.gid, 0);
  addon.fchmodat(AT_FDCWD, target, facts.mode & 0o7777, 0);
  addon.utimensat(AT_FDCWD, target, facts.mtimeNs, facts.mtimeNs, 0);
}

function noPlace(path: string, container: string): OrlopError {
  return new OrlopError(
    'failed-precondition',
    'ENGINE_NO_PLACE',
    `the image has no directory ${dirname(path)} to keep ${path} of ${container} in`,
    {
      hint: 'there is a link or a file where a directory should be: name the path that it leads to',
    },
  );
}
