import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isOrlopError } from '#errors';
import { type Addon, loadAddon } from '#sys';
import { archive, directory, file, link, type Member, symlink } from '../testing/archive.ts';
import { asRoot, inPieces, temporaryDirectory } from '../testing/temporary-store.ts';
import { runUnpackJob } from './unpack-job.ts';

// Files are filled beside the reading of the archive: what comes right after one, or in its place, must not notice.

interface Place {
  readonly addon: Addon;
  unpack(members: readonly Member[], checkpoint?: () => void): Promise<string>;
}

function makePlace(t: TestContext, addon = loadAddon()): Place {
  const base = temporaryDirectory(t, addon);
  let count = 0;
  return {
    addon,
    async unpack(members, checkpoint = () => undefined) {
      const where = join(base, `layer-${count++}`);
      mkdirSync(where);
      await runUnpackJob(addon, { directory: where, lower: [], diffId: null }, inPieces(archive(...members), 30_011), checkpoint);
      return join(where, 'fs');
    },
  };
}

const content = (at: number): Buffer => Buffer.alloc((at * 4099) % 90_000, `content ${at}, `);
const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at);
const openThings = (): readonly number[] => ['fd', 'task'].map((kind) => readdirSync(`/proc/self/${kind}`).length);

test('hard links right after their files have all of them', asRoot, async (t) => {
  const { unpack } = makePlace(t);
  const tree = await unpack(numbers(500).flatMap((at) => [file(`f${at}`, content(at), { mtimeNs: BigInt(at) }), link(`l${at}`, `f${at}`)]));
  for (const at of numbers(500)) {
    assert.ok(readFileSync(join(tree, `l${at}`)).equals(content(at)), `l${at}`);
    const facts = statSync(join(tree, `l${at}`), { bigint: true });
    assert.deepEqual([facts.nlink, facts.mtimeNs], [2n, BigInt(at)]);
  }
});

test('of a name that repeats, under whatever way to its directory, the last counts', asRoot, async (t) => {
  const { unpack } = makePlace(t);
  const kinds = [
    (at: number): Member => file('d/name', content(at), { mode: 0o600 }),
    (at: number): Member => file('alias/name', content(at), { mode: 0o640 }),
    (): Member => symlink('d/name', '/etc/passwd'),
    (): Member => directory('d/name'),
    (): Member => link('d/name', 'other'),
  ];
  const members = numbers(700).flatMap((at) => kinds[(at * at) % kinds.length]?.(at) ?? []);
  const tree = await unpack([
    file('other', 'other'),
    directory('d'),
    symlink('alias', 'd'),
    ...members,
    file('alias/name', 'the last', { mode: 0o644 }),
  ]);
  assert.equal(readFileSync(join(tree, 'd/name'), 'utf8'), 'the last');
  assert.equal(statSync(join(tree, 'd/name')).mode, 0o100644);
  assert.equal(readFileSync(join(tree, 'other'), 'utf8'), 'other', 'what was linked to is not written through');
});

test('twenty thousand files are all there, with their directories as old as they are to be', asRoot, async (t) => {
  const { unpack } = makePlace(t);
  const members = numbers(200).flatMap((at) => [
    directory(`d${at}`, { mtimeNs: 7n }),
    ...numbers(100).map((of) => file(`d${at}/f${of}`, `${at} ${of}`)),
  ]);
  const tree = await unpack(members);
  for (const at of numbers(200)) {
    assert.equal(readdirSync(join(tree, `d${at}`)).length, 100);
    assert.equal(readFileSync(join(tree, `d${at}/f${at % 100}`), 'utf8'), `${at} ${at % 100}`);
    assert.equal(statSync(join(tree, `d${at}`), { bigint: true }).mtimeNs, 7n);
  }
});

test('what goes wrong with a file in the middle is said of that file, and nothing stays open', asRoot, async (t) => {
  const real = loadAddon();
  const poison = Buffer.from('no file has bytes before its start');
  const addon: Addon = { ...real, queueData: (queue, data, offset) => real.queueData(queue, data, poison.equals(data) ? -1 : offset) };
  const { unpack } = makePlace(t, addon);
  await unpack([file('warm', 'up')]);
  const before = openThings();
  const around = numbers(300).map((at) => file(`f${at}`, content(at)));
  await assert.rejects(
    unpack([...around.slice(0, 150), file('poisoned \xe4', poison), ...around.slice(150)]),
    (error) => isOrlopError(error) && error.code === 'STORE_BAD_TAR' && error.message.includes('entry "poisoned ä" cannot be made'),
  );
  assert.deepEqual(openThings(), before);
});

test('a cancelled unpacking leaves no thread and no descriptor', asRoot, async (t) => {
  const { unpack } = makePlace(t);
  await unpack([file('warm', 'up')]);
  const before = openThings();
  let chunks = 0;
  const cancel = (): void => {
    chunks += 1;
    if (chunks === 100) throw new Error('cancelled');
  };
  await assert.rejects(
    unpack(
      numbers(500).map((at) => file(`f${at}`, content(at))),
      cancel,
    ),
    /cancelled/,
  );
  assert.deepEqual(openThings(), before);
});
