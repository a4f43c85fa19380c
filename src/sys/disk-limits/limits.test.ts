import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isErrno } from '#errors';
import type { Addon } from '../addon.ts';
import { loadAddon } from '../load-addon.ts';
import { readMountinfo } from '../mountinfo.ts';
import { removeTree } from '../remove-tree.ts';
import { createDiskLimits } from './limits.ts';
import { enforcesProjects, findProject, parseProjects } from './projects.ts';

const addon = loadAddon();
const mib = 1024 * 1024;
const openDisk = fileURLToPath(new URL('./testing/open-disk.ts', import.meta.url));
const asRoot = process.getuid?.() === 0 ? {} : { skip: 'needs root: mounts' };

test('projects that somebody has named are read from both files', () => {
  assert.deepEqual(parseProjects('web:7\n#db:8\nbad\nx:y\n', '9:/srv\n10:/var/lib\n#11:/x\n'), new Set([7, 8, 9, 10]));
  assert.deepEqual(parseProjects('', ''), new Set());
});

test('a project that is in use, or has any limit, is never chosen', () => {
  const free = { limited: false, limitBytes: 0, usedBytes: 0, usedInodes: 0 };
  const asked: number[] = [];
  const answers = [{ ...free, usedInodes: 1 }, { ...free, limited: true }, { ...free, usedBytes: 1 }, free];
  const fake = {
    openat2: () => 7,
    close: () => undefined,
    getProjectQuota: (_descriptor: number, project: number) => {
      asked.push(project);
      return answers[asked.length - 1] ?? free;
    },
  } as unknown as Addon;
  const found = findProject(fake, '/', 'one');
  assert.equal(asked.length, 4);
  assert.equal(asked.at(-1), found);
  assert.ok(asked.every((project) => project >= 0x4000_0000 && project < 0x8000_0000));
  answers.unshift(...Array.from({ length: 2000 }, () => ({ ...free, usedInodes: 1 })));
  assert.throws(() => findProject(fake, '/', 'one'), { code: 'SYS_NO_PROJECT' });
});

test('a file system without project quotas is told from one that has them', () => {
  assert.equal(enforcesProjects(addon, '/proc'), false);
  const failing = (errno: string): Addon =>
    ({
      openat2: () => 7,
      close: () => undefined,
      projectQuotaState: () => {
        throw Object.assign(new Error(errno), { code: errno });
      },
    }) as unknown as Addon;
  assert.equal(enforcesProjects(failing('ENOSYS'), '/'), false);
  assert.throws(() => enforcesProjects(failing('EIO'), '/'), { code: 'EIO' });
});

test('a limit that nobody enforces any more is none', () => {
  const noQuotas = (): never => {
    throw Object.assign(new Error('ESRCH'), { code: 'ESRCH' });
  };
  const fake = {
    openat2: () => 7,
    close: () => undefined,
    projectQuotaState: () => ({ accounted: false, enforced: false }),
    getProject: () => 0x4000_0001,
    getProjectQuota: noQuotas,
    setProjectQuota: noQuotas,
  } as unknown as Addon;
  assert.equal(createDiskLimits(fake, '/').sizeOf('/nowhere', 'upper'), null);
  createDiskLimits(fake, '/').release('/nowhere', ['upper']);
});

/** A root with image files, whatever lies below the temporary directory. */
function openPlace(t: TestContext): { root: string; place: string; limits: ReturnType<typeof createDiskLimits> } {
  const root = mkdtempSync(join(tmpdir(), 'orlop-limits-'));
  t.after(async () => {
    await noDevices(root);
    await removeTree(addon, root);
  });
  const place = join(root, 'place');
  mkdirSync(place);
  const withoutQuotas: Addon = {
    ...addon,
    projectQuotaState: () => ({ accounted: false, enforced: false }),
  };
  return { root, place, limits: createDiskLimits(withoutQuotas, root) };
}

function devicesOf(root: string): string[] {
  return readdirSync('/sys/block').filter((name) => {
    try {
      return readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').startsWith(root);
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENODEV', 'ENXIO')) return false;
      throw error;
    }
  });
}

/** udev looks at devices that come and go, and holds them for that long. */
async function noDevices(root: string): Promise<void> {
  for (const deadline = Date.now() + 30_000; devicesOf(root).length > 0; await delay(5))
    assert.ok(Date.now() < deadline, `loop devices stay: ${devicesOf(root).join(' ')}`);
}

const fill = ({ root }: { readonly root: string }): void => mkdirSync(join(root, 'data'));

test('an image is a sparse file, mounted once for all who open it, in no mount table, and gone with the last', asRoot, async (t) => {
  const { root, place, limits } = openPlace(t);
  assert.equal(limits.way, 'image-file');
  assert.equal(await limits.open(place), null);
  await limits.make(place, { temporary: join(root, 'new'), sizeBytes: 256 * mib, fill });
  assert.deepEqual(readdirSync(root), ['place']);
  await noDevices(root);
  const image = statSync(join(place, 'disk.ext4'));
  assert.equal(image.size, 256 * mib);
  assert.equal(limits.sizeOf(place, 'data'), 256 * mib);
  assert.ok(image.blocks * 512 < 4 * mib, `${image.blocks * 512} bytes taken`);
  {
    const opened = await Promise.all([limits.open(place), limits.open(place), limits.open(place)]);
    const [one, two] = opened.map((disk) => disk?.path ?? '') as [string, string, string];
    writeFileSync(join(one, 'data/file'), 'seen');
    assert.equal(readFileSync(join(two, 'data/file'), 'utf8'), 'seen');
    const { blocks, bsize } = statfsSync(one);
    assert.equal(blocks * bsize, 256 * mib);
    const devices = devicesOf(root);
    assert.equal(devices.length, 1, devices.join());
    assert.ok(!readMountinfo().some(({ source }) => source === `/dev/${devices[0]}`));
    for (const disk of opened) await disk?.[Symbol.asyncDispose]();
    await noDevices(root);
  }
  assert.equal(limits.hasImage(place), true);
  limits.release(place, ['data']);
});

test('an image takes so much, gives back what is removed, and does not shrink', asRoot, async (t) => {
  const { root, place, limits } = openPlace(t);
  await limits.make(place, { temporary: join(root, 'new'), sizeBytes: 32 * mib, fill });
  await using disk = await limits.open(place);
  const file = join(disk?.path ?? '', 'data/file');
  assert.throws(() => writeFileSync(file, Buffer.alloc(40 * mib, 1)), { code: 'ENOSPC' });
  writeFileSync(file, '');
  await assert.rejects(limits.resize(place, ['data'], 16 * mib), { code: 'SYS_DISK_SHRINK' });
  await limits.resize(place, ['data'], 32 * mib);
});

test('what cannot be is refused, and a failure leaves nothing', asRoot, async (t) => {
  const { root, place, limits } = openPlace(t);
  const temporary = join(root, 'new');
  for (const sizeBytes of [0, -1, 1024, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
    await assert.rejects(limits.make(place, { temporary, sizeBytes, fill }), { code: 'SYS_DISK_TOO_SMALL' });
  const failing = (): void => {
    throw new Error('stop');
  };
  await assert.rejects(limits.make(place, { temporary, sizeBytes: 32 * mib, fill: failing }), { message: 'stop' });
  assert.deepEqual(readdirSync(root), ['place']);
  assert.deepEqual(readdirSync(place), []);
  await assert.rejects(limits.resize(place, ['data'], 32 * mib), { code: 'SYS_DISK_UNLIMITED' });
  limits.release(place, ['data']);
  limits.release(join(root, 'missing'), ['data']);
});

test('whoever is killed with a disk open leaves no mount and no device', asRoot, async (t) => {
  const { root, place, limits } = openPlace(t);
  await limits.make(place, { temporary: join(root, 'new'), sizeBytes: 32 * mib, fill });
  const child = fork(openDisk, [root, place], { stdio: 'inherit' });
  await once(child, 'message');
  assert.equal(devicesOf(root).length, 1);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await noDevices(root);
  await using disk = await limits.open(place);
  assert.ok(existsSync(join(disk?.path ?? '', 'data')));
});
