import assert from 'node:assert/strict';
import { execFileSync, type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readCgroupMounts, readMountinfo } from '#sys';
import { makeBusyboxRoot, reasonToSkip } from '../../src/runtime/testing/root.ts';
import { assertNothingLeft } from '../system/leaks.ts';
import { projectRoot, whyNot } from '../system/harness.ts';
import { writeImageArchive } from './image-archive.ts';

/** The runtime under test, as other engines find it. */
export const runtimeProgram: string = join(projectRoot, 'bin/orlop-runtime');

export const imageName = 'docker.io/library/busybox:test';

/** Why other people's engines cannot be run here, or false. Programs by the Debian package that has them. */
export function whyNoEngine(programs: Readonly<Record<string, string>>): string | false {
  const reason = whyNot() || reasonToSkip();
  if (reason !== false) return reason;
  const missing = Object.entries(programs).find(([program]) => findProgram(program) === null);
  return missing === undefined ? false : `${missing[0]} is not installed (Debian package ${missing[1]})`;
}

export function findProgram(name: string): string | null {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return directories.map((directory) => join(directory, name)).find(isExecutable) ?? null;
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Where an engine of a test's own keeps everything. Disposing takes away what the engine leaves by its nature, and fails when more is left. */
export interface EngineHome extends AsyncDisposable {
  readonly directory: string;
  /** A busybox root file system. */
  readonly rootfs: string;
  /** The same as an image archive, named `imageName`. */
  readonly archive: string;
  /** Without a slash; in every hierarchy. */
  readonly cgroupParent: string;
  write(name: string, content: string): string;
}

const furtherApplets = [
  'df',
  'dd',
  'du',
  'head',
  'sed',
  'sort',
  'sync',
  'tail',
  'tr',
  'tty',
  'uname',
  'chmod',
  'chown',
  'rm',
  'cut',
  'expr',
];

export function openEngineHome(): EngineHome {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-test-'));
  const mark = randomBytes(4).toString('hex');
  const cgroupParent = `orlop-test-${mark}`;
  const busybox = makeBusyboxRoot();
  const lacking = furtherApplets.filter((applet) => !existsSync(join(busybox.root, 'bin', applet)));
  for (const applet of lacking) symlinkSync('busybox', join(busybox.root, 'bin', applet));
  for (const name of ['dev', 'etc', 'proc', 'sys', 'run']) mkdirSync(join(busybox.root, name), { recursive: true });
  writeFileSync(join(busybox.root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\nguest:x:77:78:guest:/:/bin/sh\n');
  writeFileSync(join(busybox.root, 'etc/group'), 'root:x:0:\nguest:x:78:\nextra:x:79:guest\n');
  const archive = join(directory, 'image.tar');
  writeImageArchive(archive, busybox.root, imageName);
  return {
    directory,
    rootfs: busybox.root,
    archive,
    cgroupParent,
    write(name, content) {
      const path = join(directory, name);
      writeFileSync(path, content);
      return path;
    },
    async [Symbol.asyncDispose]() {
      try {
        // conmon stays in a cgroup of its own below the parent, which the engine does not remove.
        removeParents(cgroupParent);
        removeMounts(directory);
        await assertNothingLeft({ root: directory, prefix: `orlt${mark}`, cgroupParent });
      } finally {
        busybox.remove();
        rmSync(directory, { recursive: true, force: true });
      }
    },
  };
}

/** Parents belong to the engine; a container's own cgroup below one is our runtime's fault. */
function removeParents(cgroupParent: string): void {
  const { unified, legacy } = readCgroupMounts();
  for (const hierarchy of new Set([...(unified === null ? [] : [unified]), ...legacy.values()])) {
    const parent = join(hierarchy, cgroupParent);
    if (!existsSync(parent)) continue;
    const below = readdirSync(parent, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
    assert.deepEqual(
      below.filter((name) => name !== 'conmon' && !isPod(join(parent, name))),
      [],
      `cgroups left below ${parent}`,
    );
    for (const name of below) rmdirSync(join(parent, name));
    rmdirSync(parent);
  }
}

/** podman removes the cgroups of its pods in those hierarchies only that it knows of. */
function isPod(cgroup: string): boolean {
  const isBare = readdirSync(cgroup, { withFileTypes: true }).every((entry) => !entry.isDirectory());
  return isBare && /^[0-9a-f]{64}$/.test(basename(cgroup));
}

/** Engines leave bind mounts of their own: of their storage and of the host's network namespace. A container's root is none of them. */
function removeMounts(directory: string): void {
  const left = readMountinfo().flatMap(({ mountPoint }) => (mountPoint.startsWith(`${directory}/`) ? [mountPoint] : []));
  assert.deepEqual(
    left.filter((path) => /\/(merged|rootfs)$/.test(path)),
    [],
    'roots left mounted',
  );
  for (const path of left.toReversed()) execFileSync('umount', ['-l', path]);
}

/** A daemon of a test's own; disposing ends it and waits for that. */
export async function startDaemon(words: readonly string[], answers: () => Promise<boolean>): Promise<AsyncDisposable & { log(): string }> {
  const [file = '', ...rest] = words;
  const child: ChildProcess = spawn(file, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-20_000)));
  const ended = once(child, 'exit');
  for (const deadline = Date.now() + 30_000; !(await answers()); await delay(50)) {
    if (child.exitCode !== null) throw new Error(`${file} ended at once: ${said}`);
    if (Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`${file} does not answer: ${said}`);
    }
  }
  return {
    log: () => said,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Asks again until the answer is yes; fails after half a minute with what was asked for. */
export async function until(what: string, answers: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 30_000; !(await answers()); await delay(20)) {
    if (Date.now() > deadline) throw new Error(`never came: ${what}`);
  }
}
