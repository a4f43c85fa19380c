import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { loadAddon, removeTree } from '#sys';
import { createTarEntry, endOfArchive, formatTarEntry, openStore, padding, toByteText } from '#store';
import { asRoot } from './fixtures/temporary-store.ts';
import { chunksOf, tinyTar } from './fixtures/tiny-tar.ts';
import { createImages } from './images.ts';

const loader = fileURLToPath(new URL('./fixtures/load-child.ts', import.meta.url));

/** How often; more by `ORLOP_CRASHES=100`. */
const crashes = Number(process.env['ORLOP_CRASHES'] ?? 6);

function tarOf(files: Readonly<Record<string, Buffer | string>>): Buffer {
  const pieces = Object.entries(files).flatMap(([path, content]) => {
    const data = Buffer.from(content);
    return [formatTarEntry(createTarEntry({ path: toByteText(path), type: 'file', size: data.length })), data, padding(data.length)];
  });
  return Buffer.concat([...pieces, endOfArchive()]);
}

function archiveOf(layer: Buffer): Buffer {
  const diffId = createHash('sha256').update(layer).digest('hex');
  const config = JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [`sha256:${diffId}`] } });
  const manifest = JSON.stringify([{ Config: 'c.json', RepoTags: ['crash:loaded'], Layers: ['l.tar'] }]);
  return tarOf({ 'l.tar': layer, 'c.json': config, 'manifest.json': manifest });
}

test('killed at random moments of load, commit, save, removal and collection, the store is in order', asRoot, async (t) => {
  const addon = loadAddon();
  const scratch = mkdtempSync(join(tmpdir(), 'orlop-crash-'));
  t.after(() => removeTree(addon, scratch));
  const [root, archive, layer] = ['root', 'archive', 'layer'].map((name) => join(scratch, name)) as [string, string, string];
  mkdirSync(root);
  const base = tinyTar(Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`file${at}`, 'x'.repeat(2000)])));
  writeFileSync(archive, archiveOf(base));
  writeFileSync(layer, tinyTar({ more: 'more'.repeat(50_000) }));
  for (let crash = 0; crash < crashes; crash += 1) {
    const child = spawn(process.execPath, [loader, root, archive, layer], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    await once(createInterface(child.stdout), 'line');
    // Any moment of the first rounds will do: nothing is expected of the time itself.
    await delay(Math.random() * 400);
    child.kill('SIGKILL');
    assert.equal((await ended)[1], 'SIGKILL');
    const store = await openStore({ root, addon });
    const { problems } = await store.check({ content: true });
    assert.deepEqual(problems, [], `after crash ${crash}`);
    const images = createImages(store);
    await images.load(chunksOf(archiveOf(base), 50_000));
    await images.unpack(images.resolve('crash:loaded'));
    await store.close();
  }
});
