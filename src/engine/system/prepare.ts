import { chmodSync, chownSync, lstatSync, mkdirSync, writeFileSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { isErrno } from '#errors';
import { formatResolvConf, readHostResolvConf } from '#network';
import type { Snapshot } from '#store';
import { planPreparations, type FileOperation, type InitSystem } from '#system';

/**
 * Writes what a machine must find at its first boot into its fresh writable layer: its name, its resolver, an empty machine-id. From then on
 * the files are its own: nothing is bound over them, so that hostnamectl and systemd-resolved may replace them.
 */
export async function prepareFirstBoot(
  root: string,
  snapshot: Snapshot,
  facts: { init: InitSystem | null; hostname: string },
): Promise<void> {
  const operations: FileOperation[] = [
    ...planPreparations({ ...facts, isFirstBoot: true }),
    { path: '/etc/hosts', content: hostsOf(facts.hostname), mode: 0o644 },
    { path: '/etc/resolv.conf', content: formatResolvConf(await readHostResolvConf()), mode: 0o644 },
  ];
  for (const operation of operations) {
    if (!makeParents(root, snapshot, dirname(operation.path))) continue;
    const target = join(root, snapshot.upper, operation.path);
    writeFileSync(target, operation.content, { flag: 'wx' });
    chmodSync(target, operation.mode);
  }
}

/** 127.0.1.1 is Debian's place for a machine's own name (Debian reference, "The hostname resolution"). */
function hostsOf(hostname: string): string {
  return `127.0.0.1\tlocalhost\n127.0.1.1\t${hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n`;
}

/** Makes the directories in the upper layer as they are in the layers below. false: one of them is no directory there, and the file has no place. */
function makeParents(root: string, snapshot: Snapshot, directory: string): boolean {
  if (directory === '/') return true;
  if (!makeParents(root, snapshot, dirname(directory))) return false;
  const target = join(root, snapshot.upper, directory);
  if (lookUp(target) !== null) return true;
  const below = snapshot.lower.map((lower) => lookUp(join(root, lower, directory))).find((found) => found !== null);
  if (below != null && !below.isDirectory()) return false;
  mkdirSync(target);
  chmodSync(target, below === undefined || below === null ? 0o755 : below.mode & 0o7777);
  if (below != null) chownSync(target, below.uid, below.gid);
  return true;
}

/** The parents were looked up before, from the top down, and are directories: no link is followed. */
function lookUp(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}
