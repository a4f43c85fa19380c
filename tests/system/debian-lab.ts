import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isOrlopError } from '#errors';
import { loadAddon, lockFile } from '#sys';
import { projectRoot, type TestEngine } from './harness.ts';

export const labSuites = ['bullseye', 'bookworm', 'trixie'] as const;
export const labInits = ['systemd', 'sysvinit', 'openrc', 'busybox'] as const;
export type LabSuite = (typeof labSuites)[number];
export type LabInit = (typeof labInits)[number];

/** What busybox's init starts (its inittab has no runlevels): the ssh server, with the directory that sshd(8) wants. */
const inittab = ['::sysinit:/bin/mkdir -p /run/sshd', '::respawn:/usr/sbin/sshd -D', '::shutdown:/bin/busybox killall sshd'];

/** Machines to be administered: an ssh server in each; under systemd, which comes with most, a database server and what ansible needs. */
function recipeOf(suite: LabSuite): object {
  const servers = ['openssh-server', 'openssh-client'];
  return {
    name: `lab/${suite}`,
    suite,
    variants: [
      { name: 'app', packages: servers },
      { name: 'systemd', base: 'app', init: 'systemd', packages: ['postgresql', 'python3', 'sudo'] },
      { name: 'sysvinit', base: 'app', init: 'sysvinit' },
      { name: 'openrc', base: 'app', init: 'openrc' },
      {
        // Of a kind that no template of ours has: an image like many others, whose init is found when it is launched.
        name: 'busybox',
        base: 'app',
        packages: ['busybox-static', 'procps'],
        commands: ['ln -s /bin/busybox /sbin/init', `printf '%s\\n' ${inittab.map((line) => `'${line}'`).join(' ')} > /etc/inittab`],
      },
    ],
  };
}

/** Where images that took minutes to make are kept for the next run; their recipe is in their name. */
const cache = join(projectRoot, 'build/lab');

/** Puts the recipes where an engine that is started with `--templates DIRECTORY` finds them. */
export function writeLabRecipes(directory: string): void {
  mkdirSync(directory, { recursive: true });
  for (const suite of labSuites) writeFileSync(join(directory, `lab-${suite}.json`), JSON.stringify(recipeOf(suite)));
}

/**
 * Brings the image of such a machine into an engine: from an earlier run, else made of Debian's packages. Answers the image's name, or in `why` that the packages cannot be had here.
 * The engine has been started with the directory of `writeLabRecipes` as `--templates`.
 */
export async function loadLab(engine: TestEngine, suite: LabSuite, init: LabInit): Promise<{ image: string } | { why: string }> {
  const image = `lab:${suite}-${init}`;
  const key = createHash('sha256')
    .update(JSON.stringify(recipeOf(suite)))
    .digest('hex')
    .slice(0, 12);
  const file = join(cache, `${suite}-${init}-${key}.tar`);
  mkdirSync(cache, { recursive: true });
  using _lock = await lockPatiently(join(cache, `${suite}.lock`));
  if (existsSync(file)) {
    await engine.must('load', '-q', '-i', file);
    return { image };
  }
  const { code, stderr } = await engine.orlopWith({ timeoutMs: 600_000 }, 'template', 'build', '-q', `lab/${suite}/${init}`);
  if (code !== 0) {
    if (!/cannot be reached|is not installed|out of date|has no suite/.test(stderr)) throw new Error(stderr);
    return { why: stderr };
  }
  for (const old of readdirSync(cache)) if (old.startsWith(`${suite}-${init}-`)) rmSync(join(cache, old));
  await engine.must('save', '-o', `${file}.part`, image);
  renameSync(`${file}.part`, file);
  return { image };
}

/** Tests run beside each other: one makes an image, the others wait for it. */
async function lockPatiently(path: string): Promise<Disposable> {
  for (;;) {
    try {
      return lockFile(loadAddon(), path);
    } catch (error) {
      if (!isOrlopError(error, 'conflict')) throw error;
      await delay(200);
    }
  }
}
