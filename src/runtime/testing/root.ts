import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path));
const build = join(import.meta.dirname, '../../../build');

/** Why a test of real containers cannot run here, or false. */
export function reasonToSkip(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  if (busybox === undefined) return 'needs busybox (Debian package busybox-static)';
  if (!existsSync(join(build, 'bosun')) || !existsSync(join(build, 'sys.node')))
    return 'needs build/bosun and build/sys.node: run npm run build';
  return false;
}

export const bosunPath: string = join(build, 'bosun');

const applets = [
  'sh',
  'cat',
  'echo',
  'env',
  'false',
  'grep',
  'hostname',
  'id',
  'kill',
  'ls',
  'mkdir',
  'mount',
  'ps',
  'pwd',
  'sleep',
  'stat',
  'stty',
  'awk',
  'test',
  'chmod',
  'chown',
  'readlink',
  'sed',
  'sort',
  'touch',
  'true',
  'wc',
];

/** A root file system of busybox alone, in a directory of its own that `remove` takes away. Others may enter it: containers' ids are not ours. */
export function makeBusyboxRoot(): { readonly directory: string; readonly root: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-runtime-test-'));
  chmodSync(directory, 0o755);
  const root = join(directory, 'rootfs');
  mkdirSync(join(root, 'bin'), { recursive: true });
  mkdirSync(join(root, 'tmp'));
  // Whatever our umask is.
  chmodSync(join(root, 'tmp'), 0o1777);
  copyFileSync(busybox ?? '', join(root, 'bin/busybox'));
  for (const applet of applets) symlinkSync('busybox', join(root, 'bin', applet));
  return { directory, root, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
