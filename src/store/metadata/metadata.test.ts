import assert from 'node:assert/strict';
import { closeSync, openSync, statSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import { isOrlopError } from '#errors';
import { parseDigest } from '#oci';
import { loadAddon } from '#sys';
import { mountSmallDisk } from '../testing/small-disk.ts';
import { asRoot, openTemporaryStore, temporaryDirectory } from '../testing/temporary-store.ts';
import { openDatabase } from './database.ts';
import { createContainers } from './containers.ts';
import { createSettings } from './settings.ts';
import { isTimeToCheckpoint } from './write-ahead-log.ts';
import type { ContainerRow, Metadata } from './types.ts';

const manifest = parseDigest(`sha256:${'aa'.repeat(32)}`);

function container(id: string, name: string, more: Partial<ContainerRow> = {}): ContainerRow {
  return { id, name, kind: 'app', createdNs: 1_763_000_000_123_456_789n, image: null, chain: null, record: `{"id":"${id}"}`, ...more };
}

async function open(t: TestContext): Promise<Metadata> {
  return (await openTemporaryStore(t)).store.metadata;
}

test('containers are found by id, by name and by the start of an id', asRoot, async (t) => {
  const { containers } = await open(t);
  const [one, two, other] = [
    container('abc1', 'web', { createdNs: 3n }),
    container('abc2', 'db', { createdNs: 2n, image: manifest }),
    container('ff', 'x', { createdNs: 1n }),
  ];
  for (const row of [one, two, other]) containers.insert(row);
  assert.deepEqual(containers.get('abc1'), one);
  assert.deepEqual(containers.byName('db'), two);
  assert.equal(containers.get('abc'), null);
  assert.deepEqual(
    containers.byIdPrefix('abc').map(({ id }) => id),
    ['abc1', 'abc2'],
  );
  assert.deepEqual(
    containers.byIdPrefix('f').map(({ id }) => id),
    ['ff'],
  );
  assert.deepEqual(containers.byIdPrefix('%'), []);
  assert.deepEqual(
    containers.list().map(({ id }) => id),
    ['ff', 'abc2', 'abc1'],
  );
  assert.equal(containers.remove('ff'), true);
  assert.equal(containers.remove('ff'), false);
});

test('times keep their nanoseconds', asRoot, async (t) => {
  const { containers } = await open(t);
  containers.insert(container('a', 'a'));
  assert.equal(containers.get('a')?.createdNs, 1_763_000_000_123_456_789n);
});

test('a name in use is refused, naming its holder', asRoot, async (t) => {
  const { containers } = await open(t);
  containers.insert(container('0123456789abcdef', 'web'));
  containers.insert(container('other', 'db'));
  const taken = (error: unknown): boolean =>
    isOrlopError(error, 'already-exists') &&
    error.code === 'STORE_NAME_IN_USE' &&
    error.message === 'the name "web" is in use by container 0123456789ab';
  assert.throws(() => containers.insert(container('new', 'web')), taken);
  assert.throws(() => containers.update('other', { name: 'web' }), taken);
  assert.throws(
    () => containers.insert(container('other', 'free')),
    (error) => isOrlopError(error, 'already-exists'),
  );
  containers.update('0123456789abcdef', { name: 'web', record: '{}' });
  containers.update('other', { name: 'api' });
  assert.equal(containers.byName('api')?.id, 'other');
  assert.equal(containers.byName('db'), null);
  assert.throws(
    () => containers.update('nobody', { record: '' }),
    (error) => isOrlopError(error, 'not-found'),
  );
});

test('a container cannot stand on layers that are not here', asRoot, async (t) => {
  const { containers } = await open(t);
  assert.throws(
    () => containers.insert(container('a', 'a', { chain: manifest })),
    (error) => isOrlopError(error, 'failed-precondition') && error.message.includes(manifest),
  );
  assert.equal(containers.get('a'), null);
});

test('image names move, and several may share a manifest', asRoot, async (t) => {
  const { images } = await open(t);
  const row = { name: 'docker.io/library/b:1', manifest, kind: 'app', createdNs: 5n, labels: { a: 'ü' } };
  images.put(row);
  images.put({ ...row, name: 'docker.io/library/a:1' });
  assert.deepEqual(images.get(row.name), row);
  assert.deepEqual(
    images.byManifest(manifest).map(({ name }) => name),
    ['docker.io/library/a:1', 'docker.io/library/b:1'],
  );
  const moved = { ...row, manifest: parseDigest(`sha256:${'bb'.repeat(32)}`), kind: 'system' };
  images.put(moved);
  assert.deepEqual(
    images.list().map((image) => image.manifest),
    [manifest, moved.manifest],
  );
  assert.equal(images.remove(row.name), true);
  assert.equal(images.get(row.name), null);
});

test('networks and endpoints; endpoints go with their container', asRoot, async (t) => {
  const { networks, endpoints, containers } = await open(t);
  networks.insert({ id: 'n1', name: 'front', record: '1' });
  assert.throws(
    () => networks.insert({ id: 'n2', name: 'front', record: '2' }),
    (error) => isOrlopError(error, 'already-exists'),
  );
  networks.update('n1', '3');
  assert.equal(networks.byName('front')?.record, '3');
  assert.throws(
    () => networks.update('n9', ''),
    (error) => isOrlopError(error, 'not-found'),
  );
  containers.insert(container('c1', 'c1'));
  const endpoint = { containerId: 'c1', network: 'n1', address: '10.0.0.2', mac: null, record: '{}' };
  endpoints.put(endpoint);
  endpoints.put({ ...endpoint, address: '10.0.0.3' });
  assert.equal(endpoints.get('c1', 'n1')?.address, '10.0.0.3');
  assert.equal(endpoints.ofContainer('c1').length, 1);
  assert.equal(endpoints.ofNetwork('n1').length, 1);
  containers.remove('c1');
  assert.deepEqual(endpoints.list(), []);
  assert.equal(networks.remove('n1'), true);
});

test('settings are set, read and deleted', asRoot, async (t) => {
  const { settings } = await open(t);
  assert.equal(settings.get('k'), null);
  settings.set('k', 'v');
  settings.set('k', 'w');
  assert.equal(settings.get('k'), 'w');
  assert.equal(settings.delete('k'), true);
  assert.equal(settings.delete('k'), false);
});

test('a transaction is all or nothing, also when nested', asRoot, async (t) => {
  const metadata = await open(t);
  assert.throws(() =>
    metadata.transaction(() => {
      metadata.settings.set('a', '1');
      metadata.transaction(() => metadata.settings.set('b', '2'));
      throw new Error('no');
    }),
  );
  assert.equal(metadata.settings.get('a'), null);
  assert.equal(metadata.settings.get('b'), null);
  assert.equal(
    metadata.transaction(() => 7),
    7,
  );
  assert.throws(() => metadata.transaction(async () => metadata.settings.set('a', '1')), /must be synchronous/);
  assert.equal(metadata.settings.get('a'), null);
});

test('the database belongs to one engine', (t) => {
  const path = join(temporaryDirectory(t, loadAddon()), 'orlop.db');
  const first = openDatabase(path);
  assert.throws(
    () => openDatabase(path),
    (error) => isOrlopError(error, 'failed-precondition') && error.code === 'STORE_IN_USE',
  );
  createContainers(first).insert(container('a', 'a'));
  first[Symbol.dispose]();
  using second = openDatabase(path);
  assert.equal(createContainers(second).list().length, 1);
});

/** Commits until SQLite would have moved its log into the database by itself, many times over. */
async function commitMuch(settings: Metadata['settings'], flushed: () => Promise<void>): Promise<void> {
  for (let round = 0; round < 60; round += 1) {
    for (let at = 0; at < 50; at += 1) settings.set(`${round}-${at}`, 'x'.repeat(10_000));
    await flushed();
  }
}

test('the log of commits is moved into the database, and both hold what was committed', async (t) => {
  const path = join(temporaryDirectory(t, loadAddon()), 'orlop.db');
  const errors: unknown[] = [];
  const first = openDatabase(path, (error) => errors.push(error));
  await commitMuch(createSettings(first), () => first.flushed());
  assert.ok(statSync(path).size > 4 * 1024 * 1024, 'pages were moved');
  assert.ok(statSync(`${path}-wal`).size < 100 * 1024 * 1024, 'and the log began anew');
  first[Symbol.dispose]();
  assert.deepEqual(errors, []);
  using second = openDatabase(path);
  assert.equal(createSettings(second).get('59-49')?.length, 10_000);
  await second.flushed();
});

test('the log is moved when it is long and the disk is quick, or when it is too long', () => {
  const cases: readonly [frames: number, flushMs: number, isTime: boolean][] = [
    [0, 0, false],
    [999, 0.1, false],
    [1000, 0.1, true],
    [1000, 50, false],
    [9_999, 50, false],
    [10_000, 5000, true],
  ];
  for (const [frames, flushMs, isTime] of cases) assert.equal(isTimeToCheckpoint(frames, flushMs), isTime, `${frames} ${flushMs}`);
});

test('a full disk keeps nobody from reading the database, nor from writing down a little more', asRoot, (t) => {
  const addon = loadAddon();
  const disk = mountSmallDisk(t, addon, 1024);
  if (disk === null) return t.skip('no tmpfs');
  const path = join(disk, 'orlop.db');
  const first = openDatabase(path);
  createSettings(first).set('k', 'v');
  first[Symbol.dispose]();
  const fill = (): void => {
    const filler = openSync(join(disk, 'filler'), 'a');
    assert.throws(() => {
      for (;;) writeSync(filler, Buffer.alloc(4096));
    }, /ENOSPC/);
    closeSync(filler);
  };
  fill();
  using second = openDatabase(path);
  assert.equal(createSettings(second).get('k'), 'v');
  let calls = 0;
  second.transaction(() => {
    calls += 1;
    createSettings(second).set('k', 'in the space kept for it');
  });
  assert.equal(calls, 2);
  assert.equal(createSettings(second).get('k'), 'in the space kept for it');
  fill();
  assert.throws(
    () => {
      for (let each = 0; ; each += 1) createSettings(second).set('k', `${'w'.repeat(5000)}${each}`);
    },
    (error) => isOrlopError(error, 'resource-exhausted'),
  );
  unlinkSync(join(disk, 'filler'));
  createSettings(second).set('k', 'w');
  assert.equal(createSettings(second).get('k'), 'w');
});

test('a newer schema and a damaged file are refused, each by name', (t) => {
  const directory = temporaryDirectory(t, loadAddon());
  const newer = join(directory, 'newer.db');
  openDatabase(newer)[Symbol.dispose]();
  const raw = new DatabaseSync(newer);
  raw.exec('PRAGMA user_version = 9999');
  raw.close();
  assert.throws(
    () => openDatabase(newer),
    (error) => isOrlopError(error, 'failed-precondition') && error.code === 'STORE_NEWER_SCHEMA',
  );
  const damaged = join(directory, 'damaged.db');
  writeFileSync(damaged, 'this is no database, and long enough to be taken for a header'.repeat(20));
  assert.throws(
    () => openDatabase(damaged),
    (error) => isOrlopError(error, 'data-loss') && error.message.includes(damaged),
  );
});
