import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isErrno } from '#errors';
import { AT_FDCWD, loadAddon, O_DIRECTORY, O_RDONLY } from '#sys';
import { openStore } from '../store.ts';
import { mountLoopDisk, onFileSystem } from '../testing/loop-disk.ts';
import { asRoot, temporaryDirectory } from '../testing/temporary-store.ts';

const child = fileURLToPath(new URL('../testing/crash-child.ts', import.meta.url));
const addon = loadAddon();

/** Lets the child make and remove snapshots until it has named some, and a random moment longer; returns their names. */
async function churn(root: string, names: number, extraMs: number): Promise<string[]> {
  const process = spawn(globalThis.process.execPath, [child, root, 'limits'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said: string[] = [];
  for await (const line of createInterface(process.stdout)) {
    said.push(line);
    if (said.length === names) break;
  }
  await delay(extraMs);
  process.kill('SIGKILL');
  await once(process, 'exit');
  return said;
}

function devicesBelow(root: string): string[] {
  return readdirSync('/sys/block').filter((name) => {
    try {
      return readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').startsWith(`${root}/`);
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENODEV', 'ENXIO')) return false;
      throw error;
    }
  });
}

/** The project that is tried first for a container's directory: among so many free ones also the one that is taken. */
function projectOf(root: string, id: string): number {
  return (
    0x4000_0000 +
    (createHash('sha256')
      .update(join(root, 'containers', id))
      .digest()
      .readUInt32BE(0) %
      0x4000_0000)
  );
}

function isLimited(root: string, id: string): boolean {
  const descriptor = addon.openat2(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0, 0);
  try {
    return addon.getProjectQuota(descriptor, projectOf(root, id)).limited;
  } finally {
    addon.close(descriptor);
  }
}

async function checkCrashes(root: string, moments: readonly number[]): Promise<void> {
  for (const [round, extraMs] of moments.entries()) {
    const ids = await churn(root, 1 + (round % 3), extraMs);
    await using store = await openStore({ root, addon });
    for (const { id } of store.metadata.containers.list()) {
      await store.snapshots.remove(id);
      store.metadata.containers.remove(id);
    }
    const quotas = store.snapshots.limitedBy === 'project-quota';
    await store.close();
    assert.deepEqual(readdirSync(join(root, 'containers')), []);
    assert.deepEqual(readdirSync(join(root, 'ingest')), []);
    if (quotas)
      assert.deepEqual(
        ids.filter((id) => isLimited(root, id)),
        [],
      );
    for (const deadline = Date.now() + 30_000; devicesBelow(root).length > 0; await delay(10))
      assert.ok(Date.now() < deadline, `loop devices stay: ${devicesBelow(root).join(' ')}`);
  }
}

const moments = [0, 3, 9, 18, 32, 50];

test(
  'killed at any moment while it makes and removes disks of limited size, the store leaves no device',
  asRoot,
  async (t: TestContext) => {
    await checkCrashes(join(temporaryDirectory(t, addon), 'root'), moments);
  },
);

for (const fileSystem of ['ext4 with project quotas', 'xfs with project quotas'] as const) {
  test(`killed at any moment on ${fileSystem}, the store leaves no limit`, onFileSystem(fileSystem), async (t) => {
    await checkCrashes(join(mountLoopDisk(t, fileSystem), 'root'), moments);
  });
}
