import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createLogger } from '#log';
import { loadAddon, readMountinfo } from '#sys';
import { temporaryDirectory } from './testing/driver-conformance.ts';
import { openVolumes } from './volumes.ts';

const child = fileURLToPath(new URL('./testing/crash-child.ts', import.meta.url));
const rounds = 12;

test('an engine that is killed at any moment leaves volumes that are whole, empty or gone', { timeout: 120_000 }, async (t) => {
  const root = join(temporaryDirectory(t), 'volumes');
  const complaints: string[] = [];
  const logger = createLogger({ level: 'warn', sink: (line) => void complaints.push(line) });
  for (let round = 0; round < rounds; round++) {
    const program = spawn(process.execPath, [child, root], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(program.stdout, 'data');
    // Not to be right but to be killed elsewhere each time.
    await setTimeout(round * 7);
    program.kill('SIGKILL');
    await once(program, 'close');

    const volumes = await openVolumes({ addon: loadAddon(), root, logger });
    await volumes.reconcile(new Map());
    assert.deepEqual(
      readMountinfo().filter(({ mountPoint }) => mountPoint.startsWith(root)),
      [],
    );
    for (const { name } of volumes.list()) {
      const { path } = await volumes.acquire(name, 'next');
      assert.ok([0, 20].includes(readdirSync(path).length), `${name} has ${readdirSync(path).length} files`);
      await volumes.release(name, 'next');
      if (round % 4 === 3) await volumes.remove(name);
    }
    await volumes[Symbol.asyncDispose]();
    assert.deepEqual(
      readdirSync(root).toSorted(),
      volumes.list().map(({ name }) => name),
    );
  }
  assert.deepEqual(complaints, []);
});
