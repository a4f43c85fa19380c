import { type Addon, AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, createGiveWay, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '#sys';
import { type ByteText, fromByteText } from '../tar/byte-text.ts';
import { beneath, isDirectory, listNames } from './pack-inode.ts';
import { isWhiteout } from './lower-lookup.ts';

/** Gives everything in a tree that was changed after this moment (ns since the epoch) this moment as its time, as reproducible-builds.org asks of SOURCE_DATE_EPOCH. */
export async function clampTimes(addon: Addon, directory: string, latestNs: bigint): Promise<void> {
  const root = addon.openat2(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
  await clampDirectory({ addon, latestNs, giveWay: createGiveWay() }, root);
}

interface Clamping {
  readonly addon: Addon;
  readonly latestNs: bigint;
  readonly giveWay: () => Promise<void>;
}

/** Closes the directory. */
async function clampDirectory(clamping: Clamping, directory: number): Promise<void> {
  const { addon, latestNs } = clamping;
  try {
    for (const name of listNames(directory)) {
      await clamping.giveWay();
      await clampEntry(clamping, directory, name);
    }
    if (addon.fstatat(directory, '', AT_EMPTY_PATH).mtimeNs > latestNs) addon.utimensat(directory, '.', latestNs, latestNs, 0);
  } finally {
    addon.close(directory);
  }
}

async function clampEntry(clamping: Clamping, parent: number, text: ByteText): Promise<void> {
  const { addon, latestNs } = clamping;
  const name = fromByteText(text);
  const facts = addon.fstatat(parent, name, AT_SYMLINK_NOFOLLOW);
  if (isDirectory(facts)) return clampDirectory(clamping, addon.openat2(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, beneath));
  if (facts.mtimeNs > latestNs && !isWhiteout(facts)) addon.utimensat(parent, name, latestNs, latestNs, AT_SYMLINK_NOFOLLOW);
}
