import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OrlopError } from '#errors';
import type { NetworkRecord } from '#network';
import { createContainerTable } from '../container/table.ts';
import { initialState } from '../container/record.ts';
import type { EngineContext } from '../context.ts';
import { createEventBus } from '../events.ts';
import { idOf, liveWith } from '../fixtures/records.ts';
import type { EngineEvent } from '../model.ts';
import { createNetworkVerbs } from './networks.ts';

const record = (name: string, change: Partial<NetworkRecord> = {}): NetworkRecord =>
  ({ id: `id-${name}`, name, driver: 'bridge', isBuiltIn: false, createdAtMs: 1000, labels: {}, ...change }) as NetworkRecord;

function openWorld() {
  const records = [
    record('bridge', { isBuiltIn: true }),
    record('used'),
    record('busy'),
    record('old', { labels: { keep: '' } }),
    record('new', { createdAtMs: 9000 }),
  ];
  const place = (network: string, containerId: string) => ({
    id: `e-${containerId}`,
    containerId,
    network,
    networkId: `id-${network}`,
    driver: 'bridge',
    address: '10.0.0.2',
    prefixLength: 8,
  });
  const table = createContainerTable();
  table.add(liveWith({ state: { ...initialState, status: 'running' } }));
  table.add(liveWith({ id: idOf('2'), name: 'stopped' }));
  const events = createEventBus(() => 1n);
  const networks = {
    list: () => [...records],
    find: (ref: string) => records.find(({ name }) => name === ref),
    endpoints: () => [place('used', idOf('1')), place('used', idOf('2')), place('bridge', 'gone')],
    create: async ({ name }: { name: string }) => ({ network: record(name), warnings: ['careful'] }),
    async remove(ref: string) {
      const index = records.findIndex(({ name, id }) => name === ref || id === ref);
      const [found] = records.splice(index, 1);
      if (found?.name === 'busy') throw new OrlopError('conflict', 'TEST', 'somebody came');
      return found;
    },
  };
  const context = { table, events, networks } as unknown as EngineContext;
  const past = async (): Promise<string[]> => {
    const seen: EngineEvent[] = await Array.fromAsync(events.subscribe({ sinceNs: 0n }, AbortSignal.abort()));
    return seen.map(({ action, attributes }) => `${action} ${attributes['name']} ${attributes['type']}`);
  };
  return { verbs: createNetworkVerbs(context), past };
}

test('a network shows the containers that run in it', () => {
  const { verbs } = openWorld();
  assert.deepEqual(verbs.inspect('used').members, [
    { id: `e-${idOf('1')}`, containerId: idOf('1'), containerName: 'web', address: '10.0.0.2', prefixLength: 8 },
  ]);
  assert.deepEqual(verbs.inspect('bridge').members, []);
});

test('what is made and removed is said', async () => {
  const { verbs, past } = openWorld();
  assert.deepEqual(await verbs.create({ name: 'mine' }), { id: 'id-mine', warnings: ['careful'] });
  await verbs.remove('old');
  assert.deepEqual(await past(), ['create mine bridge', 'destroy old bridge']);
});

describe('pruning', () => {
  test('removes what no container runs in, and leaves what somebody takes meanwhile', async () => {
    const { verbs, past } = openWorld();
    assert.deepEqual(await verbs.prune({}), ['old', 'new']);
    assert.deepEqual(await past(), ['destroy old bridge', 'destroy new bridge']);
  });

  test('takes only what fits', async () => {
    assert.deepEqual(await openWorld().verbs.prune({ beforeNs: 5_000_000_000n }), ['old']);
    assert.deepEqual(await openWorld().verbs.prune({ labels: ['keep'] }), ['old']);
    assert.deepEqual(await openWorld().verbs.prune({ notLabels: ['keep'] }), ['new']);
  });
});
