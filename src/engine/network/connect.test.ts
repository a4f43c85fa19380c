import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OrlopError } from '#errors';
import type { Endpoint, NetworkRecord } from '#network';
import { liveWith } from '../fixtures/records.ts';
import type { EngineContext } from '../context.ts';
import { createEventBus } from '../events.ts';
import { createSerialQueues } from '../serial.ts';
import { createContainerTable } from '../container/table.ts';
import type { ContainerRecord } from '../container/record.ts';
import { initialState } from '../container/record.ts';
import { connectContainer, disconnectContainer } from './connect.ts';

const running = { state: { ...initialState, status: 'running', pid: process.pid } } as const;

/** One container, in networks that note what is done with them; `failing` names the step that fails. */
function openWorld(change: Partial<ContainerRecord> = {}, failing = '') {
  const steps: string[] = [];
  const step = (name: string): void => {
    steps.push(name);
    if (name === failing) throw new OrlopError('internal', 'TEST', `${name} failed`);
  };
  const known = ['bridge', 'host', 'none', 'mine', 'other'].map(
    (name): NetworkRecord =>
      ({
        id: `id-${name}`,
        name,
        driver: ['host', 'none'].includes(name) ? name : 'bridge',
        isBuiltIn: !['mine', 'other'].includes(name),
        internal: false,
      }) as NetworkRecord,
  );
  const find = (ref: string): NetworkRecord => {
    const found = known.find(({ name, id }) => name === ref || id === ref);
    if (found === undefined) throw new OrlopError('not-found', 'TEST', `network ${ref} not found`);
    return found;
  };
  const container = liveWith({ network: 'bridge', ...change });
  const placeIn = (network: string, names: readonly string[] = []): Endpoint => ({
    id: `e-${network}`,
    containerId: container.record.id,
    network,
    networkId: `id-${network}`,
    driver: find(network).driver,
    names,
    wishes: {},
  });
  const places = new Map<string, Endpoint>();
  if (!container.record.network.startsWith('container:')) places.set(container.record.network, placeIn(container.record.network));
  const table = createContainerTable();
  table.add(container);
  const events = createEventBus(() => 0n);
  const networks = {
    find,
    endpoints: () => [...places.values()],
    async reserve(_id: string, network: string, { names = [] }: { names?: readonly string[] }) {
      step('reserve');
      places.set(network, placeIn(network, names));
      return places.get(network);
    },
    attach: async () => step('attach'),
    detach: async () => step('detach'),
    async release(_id: string, network: string) {
      step('release');
      places.delete(network);
    },
    ports: { reserve: async () => [], open: async () => step('open'), close: async () => step('close') },
    names: { serve: async () => step('serve'), stop: () => steps.push('stop') },
  };
  const store = { metadata: { containers: { update: () => steps.push('save') } } };
  const addon = { close: () => undefined };
  const context = { table, events, networks, store, addon, queues: createSerialQueues() } as unknown as EngineContext;
  return { context, container, steps, places };
}

const connect = (world: ReturnType<typeof openWorld>, network: string) => connectContainer(world.context, network, 'web', { aliases: [] });

describe('a connection', () => {
  test('of a container that does not run is a place alone, with its names', async () => {
    const world = openWorld();
    await connectContainer(world.context, 'mine', 'web', { aliases: ['db'] });
    assert.deepEqual(world.steps, ['reserve']);
    assert.deepEqual(world.places.get('mine')?.names, ['web', 'db', world.container.record.id.slice(0, 12), 'web.example']);
  });

  test('that cannot be wired leaves nothing', async () => {
    const world = openWorld(running, 'attach');
    await assert.rejects(connect(world, 'mine'), { message: 'attach failed' });
    assert.deepEqual(world.steps, ['reserve', 'attach', 'release']);
    assert.deepEqual([...world.places.keys()], ['bridge']);
  });

  test('whose names cannot be served is taken out of the container again', async () => {
    const world = openWorld({ ...running, kind: 'system' }, 'serve');
    await assert.rejects(connect(world, 'mine'), { message: 'serve failed' });
    assert.deepEqual(world.steps, ['reserve', 'attach', 'serve', 'detach', 'release']);
  });

  const refused: readonly [what: string, change: Partial<ContainerRecord>, network: string, message: RegExp][] = [
    ['twice', {}, 'bridge', /^endpoint with name web already exists in network bridge$/],
    ['to the host', {}, 'host', /cannot connect container to host network - container must be created in host network mode/],
    ['of a container in the host’s', { network: 'host' }, 'mine', /container or host cannot be connected to any other network/],
    ['to none', {}, 'none', /private \(none\) mode/],
    ['of a container in none', { network: 'none' }, 'mine', /private \(none\) mode/],
    [
      'of a container in another’s',
      { network: 'container:c0ffee' },
      'mine',
      /container sharing network namespace with another container or host/,
    ],
    ['to a network that is not there', {}, 'nowhere', /network nowhere not found/],
  ];
  for (const [what, change, network, message] of refused) {
    test(`${what} is refused, and nothing is done`, async () => {
      const world = openWorld(change);
      await assert.rejects(connect(world, network), { message });
      assert.deepEqual(world.steps, []);
    });
  }

  test('with an address in a network that has none to choose is refused', async () => {
    const world = openWorld({ network: 'mine' });
    await assert.rejects(connectContainer(world.context, 'bridge', 'web', { address: '172.17.0.9' }), {
      message: /user defined networks only/,
    });
  });
});

describe('a disconnection', () => {
  const disconnect = (world: ReturnType<typeof openWorld>, network: string, force = false, ref = 'web') =>
    disconnectContainer(world.context, network, ref, { force });

  test('of a container that does not run gives its place back', async () => {
    const world = openWorld();
    await disconnect(world, 'bridge');
    assert.deepEqual([world.steps, [...world.places.keys()]], [['release'], []]);
  });

  test('of a running one takes the link out before the place is given back', async () => {
    const world = openWorld({ ...running, kind: 'system' });
    await disconnect(world, 'bridge');
    assert.deepEqual(world.steps, ['detach', 'release', 'stop']);
  });

  test('closes the ports of a container that has no other way in', async () => {
    const ports = [{ containerPort: 80, protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 8080 }] as const;
    const world = openWorld({ ...running, kind: 'system', ports });
    await disconnect(world, 'bridge');
    assert.deepEqual(world.steps, ['detach', 'release', 'stop', 'close', 'save']);
    assert.deepEqual(world.container.record.ports, []);
  });

  test('from a network that it is not in is refused', async () => {
    await assert.rejects(disconnect(openWorld(), 'mine'), { message: /is not connected to network mine$/ });
    await assert.rejects(disconnect(openWorld({ network: 'host' }), 'host'), { message: /^cannot disconnect container from host network/ });
  });

  test('of a container that is gone needs force, and its place', async () => {
    const world = openWorld();
    await assert.rejects(disconnect(world, 'bridge', false, 'nobody'), { kind: 'not-found' });
    await assert.rejects(disconnect(world, 'bridge', true, 'nobody'), { kind: 'not-found' });
    world.places.set('bridge', { ...(world.places.get('bridge') as Endpoint), containerId: 'gone' });
    await disconnect(world, 'bridge', true, 'gone');
    assert.deepEqual(world.steps, ['release']);
  });
});
