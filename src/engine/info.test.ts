import assert from 'node:assert/strict';
import { hostname, release } from 'node:os';
import { test } from 'node:test';
import { createContainerTable } from './container/table.ts';
import { initialState } from './container/record.ts';
import type { EngineContext } from './context.ts';
import { idOf, liveWith } from './fixtures/records.ts';
import { engineInfo } from './info.ts';
import type { ContainerStatus } from './model.ts';

function infoWith(
  statuses: readonly ContainerStatus[],
  mode: 'v1' | 'hybrid' | 'v2' = 'v2',
  dataRoot = '/var/lib/orlop',
  driver = 'overlay',
) {
  const table = createContainerTable();
  for (const [index, status] of statuses.entries()) table.add(liveWith({ id: idOf(String(index)), state: { ...initialState, status } }));
  // Nothing but what the report is about.
  const context = {
    table,
    store: { metadata: { images: { list: () => ['one', 'one', 'other'].map((manifest) => ({ manifest })) } }, snapshots: { driver } },
    cgroups: { mode },
    dataRoot,
    execRoot: '/run/orlop',
    hostname: hostname(),
    version: '1.2.3',
    buildId: 'abc',
    logging: { driver: 'local', options: {} },
    warnings: ['no nft'],
  };
  return engineInfo(context as unknown as EngineContext);
}

test('containers are counted by state, each once', () => {
  const { containers } = infoWith(['created', 'running', 'running', 'paused', 'restarting', 'exited', 'dead', 'removing']);
  assert.deepEqual(containers, { running: 2, paused: 1, stopped: 5 });
});

test('names the host, the engine and what it lacks, and counts an image with two names once', () => {
  const info = infoWith([]);
  assert.deepEqual([info.kernel, info.hostname, info.version, info.buildId], [release(), hostname(), '1.2.3', 'abc']);
  assert.deepEqual([info.dataRoot, info.execRoot, info.images, info.warnings], ['/var/lib/orlop', '/run/orlop', 2, ['no nft']]);
  assert.deepEqual([info.logDriver, info.logDrivers], ['local', ['json-file', 'local']]);
  assert.ok(info.cpus >= 1 && info.memoryBytes > 0 && info.operatingSystem !== '');
  assert.match(info.architecture, /^(x86_64|aarch64)$/);
});

test('the layout of cgroups is named as it is', () => {
  assert.deepEqual(
    (['v1', 'hybrid', 'v2'] as const).map((mode) => infoWith([], mode).cgroupVersion),
    ['1', 'hybrid', '2'],
  );
});

test("the engine's id follows from its data root", () => {
  assert.equal(infoWith([]).id, infoWith(['running']).id);
  assert.notEqual(infoWith([]).id, infoWith([], 'v2', '/srv/orlop').id);
});

test('the storage driver has the name that Docker gives it, or its own', () => {
  assert.equal(infoWith([]).storageDriver, 'overlay2');
  assert.equal(infoWith([], 'v2', '/var/lib/orlop', 'native').storageDriver, 'native');
});
