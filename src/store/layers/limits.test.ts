import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { isOrlopError } from '#errors';
import { loadAddon } from '#sys';
import { archive, directory, file } from '../testing/archive.ts';
import { asRoot, inPieces, temporaryDirectory } from '../testing/temporary-store.ts';
import { dataRuns, holeBytes } from './holes.ts';
import { defaultLimits, type UnpackLimits } from './limits.ts';
import { runUnpackJob } from './unpack-job.ts';

async function unpack(t: TestContext, data: Uint8Array, limits: Partial<UnpackLimits> = {}): Promise<string> {
  const addon = loadAddon();
  const directory = temporaryDirectory(t, addon);
  const job = { directory, lower: [], diffId: null, limits: { ...defaultLimits, ...limits } };
  await runUnpackJob(addon, job, inPieces(data, 512 * 1024), () => {});
  return join(directory, 'fs');
}

const tooLarge = (error: unknown): boolean => isOrlopError(error, 'resource-exhausted') && error.code === 'STORE_LAYER_TOO_LARGE';

test('an archive of too many entries is refused', asRoot, async (t) => {
  const data = archive(...Array.from({ length: 11 }, (_, at) => file(`f${at}`)));
  await assert.rejects(unpack(t, data, { entries: 10 }), tooLarge);
  await unpack(t, data, { entries: 11 });
});

test('an archive of too much content is refused', asRoot, async (t) => {
  const data = archive(file('a', 'x'.repeat(600)), file('b', 'x'.repeat(600)));
  await assert.rejects(unpack(t, data, { bytes: 1199 }), tooLarge);
  await unpack(t, data, { bytes: 1200 });
});

test('an archive of too deep directories is refused', asRoot, async (t) => {
  const data = archive(directory('d/'.repeat(40)));
  await assert.rejects(unpack(t, data, { depth: 19 }), tooLarge);
  await unpack(t, data, { depth: 41 });
});

test('a bomb is refused by how much comes out of how little', asRoot, async (t) => {
  const bomb = zstdCompressSync(archive(file('zeros', Buffer.alloc(300 * 1024 * 1024))));
  assert.ok(bomb.length < 100_000);
  await assert.rejects(unpack(t, bomb), tooLarge);
});

test('rows of zeros become holes, and read as zeros', asRoot, async (t) => {
  const content = Buffer.concat([Buffer.from('start'), Buffer.alloc(8 * 1024 * 1024), Buffer.from('end'), Buffer.alloc(4 * 1024 * 1024)]);
  const tree = await unpack(t, archive(file('sparse', content), file('empty', Buffer.alloc(1024 * 1024))));
  const facts = statSync(join(tree, 'sparse'));
  assert.equal(facts.size, content.length);
  assert.ok(facts.blocks * 512 < 4 * 1024 * 1024, `${facts.blocks} blocks`);
  assert.deepEqual(statSync(join(tree, 'empty')).size, 1024 * 1024);
  assert.deepEqual(spawnSync('cat', [join(tree, 'sparse')], { maxBuffer: 1 << 26 }).stdout, content);
});

test('only whole rows of zeros are left out', () => {
  const chunk = Buffer.alloc(holeBytes * 4 + 10);
  assert.deepEqual(dataRuns(chunk), [{ start: holeBytes * 4, end: chunk.length }]);
  chunk[holeBytes + 5] = 1;
  assert.deepEqual(dataRuns(chunk), [
    { start: holeBytes, end: holeBytes * 2 },
    { start: holeBytes * 4, end: chunk.length },
  ]);
  assert.deepEqual(dataRuns(chunk.subarray(0, 100)), [{ start: 0, end: 100 }]);
});

for (const [program, args] of [
  ['xz', ['-c']],
  ['bzip2', ['-c']],
  ['lz4', ['-c']],
] as const) {
  const present = spawnSync(program, ['--version']).error === undefined;
  test(`an archive packed by ${program} unpacks`, present ? asRoot : { skip: `${program} is not installed` }, async (t) => {
    const packed = spawnSync(program, args, { input: archive(file('a', 'content')) }).stdout;
    assert.equal(statSync(join(await unpack(t, packed), 'a')).size, 7);
    await assert.rejects(unpack(t, packed.subarray(0, packed.length - 12)), (error) => isOrlopError(error, 'data-loss'));
  });
}
