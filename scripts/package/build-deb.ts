import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, linkSync, lutimesSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projectRoot } from '../rooms.ts';
import { formatControl, type ControlFacts } from './control.ts';
import type { Entry } from './entries.ts';

const maintainerScripts = ['postinst', 'prerm', 'postrm'];

/** Of xz. The usual 6 takes ten times as long for a fifth less. */
const compressionLevel = 1;

/** Lays the files out below `root`, with the modes that they are to have. What is one file under several names stays so. */
export function layOut(root: string, entries: readonly Entry[]): void {
  const laidOut = new Map<string, string>();
  for (const { path, from, isProgram, isStripped } of entries) {
    const target = join(root, path);
    mkdirSync(dirname(target), { recursive: true });
    const source = 'file' in from ? `${statSync(from.file).dev}:${statSync(from.file).ino}` : null;
    const same = source === null ? undefined : laidOut.get(source);
    if (same !== undefined) {
      linkSync(same, target);
      continue;
    }
    if (source !== null) laidOut.set(source, target);
    if ('file' in from) copyFileSync(from.file, target);
    else writeFileSync(target, from.text);
    if (isStripped === true) run('strip', ['--strip-unneeded', target]);
    chmodSync(target, isProgram === true ? 0o755 : 0o644);
  }
}

/** Size as dpkg wants it: each file, whatever the number of its names, and each directory in whole KiB. */
export function measureKib(root: string): number {
  const files = new Map(listAll(root).map((path) => [statSync(path).ino, statSync(path)]));
  return [...files.values()].reduce((sum, file) => sum + (file.isFile() ? Math.ceil(file.size / 1024) : 1), 0);
}

/**
 * Makes DEBIAN/ below `root` and the archive `target` of all of it, owned by root whoever runs this. What has the same content at the same `time` is the same archive,
 * byte for byte.
 */
export function buildDeb(root: string, target: string, entries: readonly Entry[], facts: ControlFacts, time: Date): void {
  const control = join(root, 'DEBIAN');
  mkdirSync(control);
  const write = (name: string, text: string, mode = 0o644): void => {
    writeFileSync(join(control, name), text);
    chmodSync(join(control, name), mode);
  };
  write('control', formatControl(facts));
  write(
    'conffiles',
    entries
      .filter(({ path }) => path.startsWith('etc/'))
      .map(({ path }) => `/${path}\n`)
      .join(''),
  );
  write(
    'md5sums',
    entries
      .filter(({ path }) => !path.startsWith('etc/'))
      .map(({ path }) => `${digestOf(join(root, path))}  ${path}\n`)
      .join(''),
  );
  for (const name of maintainerScripts) write(name, readFileSync(join(projectRoot, 'packaging/deb', name), 'utf8'), 0o755);
  for (const path of [...listAll(root), root]) {
    if (statSync(path).isDirectory()) chmodSync(path, 0o755);
    lutimesSync(path, time, time);
  }
  run('dpkg-deb', ['--root-owner-group', '-Zxz', `-z${compressionLevel}`, '--build', root, target], {
    SOURCE_DATE_EPOCH: String(Math.floor(time.getTime() / 1000)),
  });
}

function listAll(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).map((path) => join(root, path));
}

function digestOf(path: string): string {
  return createHash('md5').update(readFileSync(path)).digest('hex');
}

function run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): void {
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, ...env } });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? stderr.trim()}`);
}
