import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { createLogger } from '#log';
import { loadAddon } from '#sys';
import { parseVolumeRecord } from './directory.ts';
import { checkVolumeName } from './names.ts';
import { temporaryDirectory } from './testing/driver-conformance.ts';
import type { VolumeDriver, Volumes } from './types.ts';
import { openVolumes } from './volumes.ts';

const addon = loadAddon();

interface Bench {
  readonly root: string;
  readonly complaints: string[];
  open(drivers?: readonly VolumeDriver[]): Promise<Volumes>;
}

function bench(t: TestContext): Bench {
  const root = join(temporaryDirectory(t), 'volumes');
  const complaints: string[] = [];
  const logger = createLogger({ level: 'warn', sink: (line) => void complaints.push(line) });
  return { root, complaints, open: (drivers) => openVolumes({ addon, root, logger, ...(drivers === undefined ? {} : { drivers }) }) };
}

describe('volumes', () => {
  test('are there for the next engine as they were made', async (t) => {
    const { open, root } = bench(t);
    const volumes = await open();
    const { volume, isNew } = await volumes.create({ name: 'data', labels: { a: 'b' } });
    assert.ok(isNew);
    assert.equal(volumes.pathOf('data'), join(root, 'data/_data'));
    writeFileSync(join(root, 'data/_data/file'), 'x');
    const next = await open();
    assert.deepEqual(next.list(), [volume]);
    assert.equal(statSync(root).mode & 0o777, 0o700);
  });

  test('asked for again are the same, and made once', async (t) => {
    const volumes = await bench(t).open();
    const made = await Promise.all(Array.from({ length: 8 }, () => volumes.create({ name: 'data' })));
    assert.equal(made.filter(({ isNew }) => isNew).length, 1);
    assert.equal(new Set(made.map(({ volume }) => volume.createdAtMs)).size, 1);
  });

  test('without a name are anonymous and have 64 digits', async (t) => {
    const volumes = await bench(t).open();
    const { volume } = await volumes.create({});
    assert.match(volume.name, /^[0-9a-f]{64}$/);
    assert.ok(volume.isAnonymous);
  });

  test('of a driver that is not here are not found, of another driver in conflict', async (t) => {
    const volumes = await bench(t).open();
    await assert.rejects(volumes.create({ name: 'data', driver: 'cloud' }), { kind: 'not-found', message: /plugin "cloud" not found/ });
    await volumes.create({ name: 'data' });
    await assert.rejects(volumes.create({ name: 'data', driver: 'cloud' }), { kind: 'conflict', message: /must be unique/ });
  });

  test('in use stay: the users are named in Docker’s words', async (t) => {
    const volumes = await bench(t).open();
    await volumes.create({ name: 'data' }, 'one');
    await assert.rejects(volumes.remove('data', { users: ['two'] }), {
      kind: 'conflict',
      message: 'remove data: volume is in use - [two, one]',
    });
    await volumes.release('data', 'one');
    await volumes.remove('data');
    assert.throws(() => volumes.find('data'), { kind: 'not-found', message: 'get data: no such volume' });
    await assert.rejects(volumes.acquire('data', 'one'), { kind: 'not-found' });
  });

  test('removed leave nothing on disk', async (t) => {
    const { open, root } = bench(t);
    const volumes = await open();
    await volumes.create({ name: 'data' });
    mkdirSync(join(volumes.pathOf('data'), 'deep/deeper'), { recursive: true });
    await volumes.remove('data');
    await volumes[Symbol.asyncDispose]();
    assert.deepEqual(readdirSync(root), []);
  });

  test('are mounted for the first user and unmounted after the last', async (t) => {
    const calls: string[] = [];
    const note = (call: string) => async (directory: string) => {
      if (call === 'make') mkdirSync(join(directory, '_data'));
      calls.push(call);
    };
    const [make, mount, unmount, unmake] = ['make', 'mount', 'unmount', 'unmake'].map(note) as [never, never, never, never];
    const volumes = await bench(t).open([{ name: 'local', check: () => ({}), make, mount, unmount, unmake }]);
    await volumes.create({ name: 'data' });
    await volumes.acquire('data', 'one');
    await volumes.acquire('data', 'two');
    await volumes.release('data', 'one');
    await volumes.release('data', 'one');
    assert.ok(!calls.includes('unmount'));
    await volumes.release('data', 'two');
    assert.equal(calls.at(-1), 'unmount');
    await volumes.reconcile(new Map([['data', ['three']]]));
    const before = calls.length;
    await volumes.reconcile(new Map());
    assert.equal(calls.length, before);
    await volumes.release('data', 'three');
    assert.equal(calls.at(-1), 'unmount');
  });
});

describe('filling a volume', () => {
  test('happens once, while it is empty', async (t) => {
    const volumes = await bench(t).open();
    await volumes.create({ name: 'data' }, 'one');
    const copy = async (path: string): Promise<void> => writeFileSync(join(path, 'file'), 'x');
    assert.ok(await volumes.fill('data', copy));
    assert.ok(!(await volumes.fill('data', copy)));
  });

  test('fills an empty directory in it too, and nothing else of it', async (t) => {
    const { open } = bench(t);
    const volumes = await open();
    await volumes.create({ name: 'data' }, 'one');
    const path = volumes.pathOf('data');
    mkdirSync(join(path, 'part/deep'), { recursive: true });
    writeFileSync(join(path, 'file'), 'x');
    symlinkSync('/part/deep', join(path, 'link'));
    symlinkSync('../../../../..', join(path, 'part/out'));
    const copy = async (to: string): Promise<void> => writeFileSync(join(to, 'filled'), 'x');
    for (const part of ['none', 'file', 'file/below', 'part', 'part/out/tmp']) assert.ok(!(await volumes.fill('data', copy, part)), part);
    assert.ok(await volumes.fill('data', copy, 'link'));
    assert.ok(!(await volumes.fill('data', copy, 'part/deep')));
    assert.deepEqual(readdirSync(join(path, 'part/deep')), ['filled']);
    assert.deepEqual(readdirSync(path).toSorted(), ['file', 'link', 'part']);

    mkdirSync(join(path, 'cut'));
    const cut = volumes.fill(
      'data',
      async (to) => {
        await copy(to);
        throw new Error('cut off');
      },
      'cut',
    );
    await assert.rejects(cut, /cut off/);
    const next = await open();
    await next.acquire('data', 'two');
    assert.deepEqual(readdirSync(join(path, 'cut')), []);
    assert.deepEqual(readdirSync(join(path, 'part/deep')), ['filled']);
    assert.deepEqual(readdirSync(join(path, '..')).toSorted(), ['_data', 'volume.json']);
  });

  test('cut off half-way leaves an empty volume to the next engine', async (t) => {
    const { open } = bench(t);
    const volumes = await open();
    await volumes.create({ name: 'data' }, 'one');
    const path = volumes.pathOf('data');
    const cut = volumes.fill('data', async () => {
      writeFileSync(join(path, 'half'), 'x');
      throw new Error('cut off');
    });
    await assert.rejects(cut, /cut off/);
    const next = await open();
    assert.ok(existsSync(join(path, 'half')));
    await next.acquire('data', 'two');
    assert.deepEqual(readdirSync(path), []);
  });

  test('never takes away what a container wrote meanwhile', async (t) => {
    const { open } = bench(t);
    const volumes = await open();
    await volumes.create({ name: 'data' }, 'running');
    await volumes.acquire('data', 'new');
    const path = volumes.pathOf('data');
    const cut = volumes.fill('data', async () => {
      writeFileSync(join(path, 'of the container'), 'x');
      throw new Error('cut off');
    });
    await assert.rejects(cut, /cut off/);
    const next = await open();
    await next.acquire('data', 'two');
    assert.deepEqual(readdirSync(path), ['of the container']);
  });
});

describe('what an earlier engine left', () => {
  test('of a volume that was being made or removed is taken away', async (t) => {
    const { open, root } = bench(t);
    mkdirSync(join(root, '.new-1/_data'), { recursive: true });
    mkdirSync(join(root, '.gone-2/_data/deep'), { recursive: true });
    const volumes = await open();
    assert.deepEqual(volumes.list(), []);
    await volumes[Symbol.asyncDispose]();
    assert.deepEqual(readdirSync(root), []);
  });

  test('without a readable record is said, left alone, and not made anew', async (t) => {
    const { open, root, complaints } = bench(t);
    mkdirSync(join(root, 'data/_data'), { recursive: true });
    writeFileSync(join(root, 'data/volume.json'), '{"name":');
    writeFileSync(join(root, 'data/_data/file'), 'precious');
    const volumes = await open();
    assert.match(complaints.join(''), /a volume is left out/);
    await assert.rejects(volumes.create({ name: 'data' }), { kind: 'data-loss' });
    assert.equal(readFileSync(join(root, 'data/_data/file'), 'utf8'), 'precious');
  });
});

test('names are Docker’s', () => {
  for (const name of ['ab', 'a.b', 'A_b-c', '0x']) checkVolumeName(name);
  assert.throws(() => checkVolumeName('a'), { message: /too short/ });
  for (const name of ['', '.ab', '-ab', 'a/b', '../x', 'a b', 'a\n', 'ä1', 'a'.repeat(256)])
    assert.throws(() => checkVolumeName(name), { kind: 'invalid-argument' }, name);
});

test('any text is a record or data-loss', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      assert.throws(() => parseVolumeRecord('data', text), { kind: 'data-loss' });
    }),
  );
});
