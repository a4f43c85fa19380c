import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, writeFileSync, type Stats } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isErrno } from '#errors';
import type { FirstBootFile } from '#image';
import type { Snapshot } from '#store';
import { planPreparations, type FileOperation, type InitSystem } from '#system';

/**
 * Writes what a machine must find at its first boot into its fresh writable layer: its name, its resolver, an empty machine-id, what its image asks for. From then on
 * the files are its own: nothing is bound over them, so that hostnamectl and systemd-resolved may replace them. The layer's path is absolute or relative to `root`.
 */
export function prepareFirstBoot(
  root: string,
  snapshot: Pick<Snapshot, 'lower' | 'upper'>,
  facts: {
    readonly init: InitSystem | null;
    readonly hostname: string;
    readonly resolvConf: string;
    readonly files: readonly FirstBootFile[];
    /** The machine that it is a copy of: what it has of its own stays, but for that machine's name. */
    readonly copyOf?: string;
  },
): void {
  const operations: FileOperation[] = [
    ...planPreparations({ ...facts, isFirstBoot: true }),
    ...(facts.copyOf === undefined
      ? [
          { path: '/etc/hosts', content: hostsOf(facts.hostname), mode: 0o644 },
          { path: '/etc/resolv.conf', content: facts.resolvConf, mode: 0o644 },
        ]
      : renameInHosts(root, snapshot.lower, facts.copyOf, facts.hostname)),
    ...facts.files.map((file) => ({ ...file, mode: 0o644 })),
  ];
  for (const operation of operations) {
    if (makeParents(root, snapshot, dirname(operation.path)) === null) continue;
    const target = join(resolve(root, snapshot.upper), operation.path);
    writeFileSync(target, operation.content, { flag: 'wx' });
    chmodSync(target, operation.mode);
  }
}

/** 127.0.1.1 is Debian's place for a machine's own name (Debian reference, "The hostname resolution"). */
function hostsOf(hostname: string): string {
  return `127.0.0.1\tlocalhost\n127.0.1.1\t${hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n`;
}

/** Of more than a machine's own hosts file nobody needs a new name in it. */
const largestHostsFile = 256 * 1024;

/** The hosts file of the machine that it is a copy of, with the new name where the old one stands. */
function renameInHosts(root: string, lower: readonly string[], from: string, to: string): FileOperation[] {
  for (const layer of lower) {
    const directory = lookUp(join(root, layer, 'etc'));
    if (directory === null) continue;
    if (!directory.isDirectory()) return [];
    const path = join(root, layer, 'etc/hosts');
    const file = lookUp(path);
    if (file === null) continue;
    if (!file.isFile() || file.size > largestHostsFile) return [];
    const before = readFileSync(path, 'utf8');
    const after = before.replaceAll(/[^\s#]+/g, (word) => (word === from ? to : word));
    return after === before ? [] : [{ path: '/etc/hosts', content: after, mode: file.mode & 0o777 }];
  }
  return [];
}

/**
 * Makes the directories in the upper layer as they are in the layers below. Returns those layers in which all of them are directories, so that no
 * link of an image is ever followed here; null: the uppermost has something else there, and the file has no place.
 */
export function makeParents(root: string, snapshot: Pick<Snapshot, 'lower' | 'upper'>, directory: string): readonly string[] | null {
  if (directory === '/') return snapshot.lower;
  const above = makeParents(root, snapshot, dirname(directory));
  if (above === null) return null;
  const found = above.map((lower) => ({ lower, stats: lookUp(join(root, lower, directory)) })).filter(({ stats }) => stats !== null);
  const first = found[0]?.stats ?? null;
  if (first !== null && !first.isDirectory()) return null;
  const target = join(resolve(root, snapshot.upper), directory);
  if (lookUp(target) === null) {
    mkdirSync(target);
    chmodSync(target, first === null ? 0o755 : first.mode & 0o7777);
    if (first !== null) chownSync(target, first.uid, first.gid);
  }
  return found.filter(({ stats }) => stats?.isDirectory() === true).map(({ lower }) => lower);
}

function lookUp(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}
