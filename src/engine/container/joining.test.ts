import assert from 'node:assert/strict';
import { closeSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { EngineContext } from '../context.ts';
import { idOf, liveWith, recordWith, requestWith } from '../fixtures/records.ts';
import type { CreateRequest } from '../model.ts';
import { openSurroundings } from './joining.ts';
import { initialState, type ContainerRecord } from './record.ts';
import { createContainerTable } from './table.ts';

const range = { first: 1_000_000_000, count: 65_536 };
const running = (idRange: typeof range | null, request: Partial<CreateRequest> = {}): Partial<ContainerRecord> => ({
  state: { ...initialState, status: 'running', pid: process.pid },
  run: { cgroup: 'x', idRange },
  request: requestWith(request),
});

function contextOf(...others: readonly Partial<ContainerRecord>[]): EngineContext {
  const table = createContainerTable();
  for (const [index, change] of others.entries()) table.add(liveWith({ id: idOf(String(index + 1)), name: `c${index + 1}`, ...change }));
  return { table, addon: { close: closeSync } } as unknown as EngineContext;
}

const of = (other: string): string => `container:${idOf(other)}`;
const guest = (request: Partial<CreateRequest> = {}, network = of('1')): ContainerRecord =>
  recordWith({ id: idOf('9'), name: 'guest', network, request: requestWith(request) });

describe('joining the network of another container', () => {
  const cases: readonly [
    what: string,
    idRange: typeof range | null,
    request: Partial<CreateRequest>,
    hostUsers: boolean,
    isShared: boolean,
  ][] = [
    ['takes its user ids', range, {}, false, true],
    ['takes its user ids when asked for any', range, { userNamespace: 'auto', privileged: true }, false, true],
    ['takes those of the host when asked for them', range, { userNamespace: 'host' }, true, false],
    ['takes those of the host when privileged', range, { privileged: true }, true, false],
    ['takes those of the host when it shares another namespace with it', range, { pidNamespace: 'host' }, true, false],
    ['takes those of the host when the other has them', null, {}, true, false],
  ];
  for (const [what, idRange, request, hostUsers, isShared] of cases) {
    test(what, () => {
      using surroundings = openSurroundings(contextOf(running(idRange)), guest(request));
      const { shared, joined, idRange: taken } = surroundings.namespaces;
      assert.deepEqual(
        [shared.has('user'), joined.has('net'), joined.has('user'), taken],
        [hostUsers, true, isShared, isShared ? range : null],
      );
    });
  }

  test('with ids of its own, while the other has the host’s, is refused', () => {
    assert.throws(() => openSurroundings(contextOf(running(null)), guest({ userNamespace: 'auto' })), {
      kind: 'invalid-argument',
      code: 'ENGINE_NETWORK_USERNS',
    });
  });

  test('needs one that runs', () => {
    const message = `cannot join network of a non running container: ${idOf('1')}`;
    assert.throws(() => openSurroundings(contextOf({}), guest()), { kind: 'conflict', message });
    assert.throws(() => openSurroundings(contextOf(), guest()), { kind: 'not-found' });
  });
});

describe('joining processes and memory of another container', () => {
  const alone = (request: Partial<CreateRequest>): ContainerRecord => guest(request, 'bridge');

  test('takes its user ids as well', () => {
    using surroundings = openSurroundings(
      contextOf(running(range, { ipcNamespace: 'shareable' })),
      alone({ pidNamespace: of('1'), ipcNamespace: of('1') }),
    );
    const { joined, idRange } = surroundings.namespaces;
    assert.deepEqual([[...joined.keys()], idRange], [['pid', 'ipc', 'user'], range]);
    assert.equal(surroundings.sharesMemoryWith?.record.name, 'c1');
  });

  test('of containers with different ids is refused', () => {
    const other = { first: range.first + 65_536, count: 65_536 };
    assert.throws(() => openSurroundings(contextOf(running(range), running(other)), guest({ pidNamespace: of('2') })), {
      code: 'ENGINE_DIFFERENT_USERS',
      message: /c1 and of c2/,
    });
    using surroundings = openSurroundings(
      contextOf(running(range), running(other)),
      guest({ pidNamespace: of('2'), userNamespace: 'host' }),
    );
    assert.deepEqual([...surroundings.namespaces.joined.keys()], ['net', 'pid']);
  });

  test('needs one that runs, in Docker’s words', () => {
    const message = `failed to join PID namespace: container ${idOf('1')} is not running`;
    assert.throws(() => openSurroundings(contextOf({}), alone({ pidNamespace: of('1') })), { kind: 'conflict', message });
  });

  test('needs one that shares', () => {
    for (const ipcNamespace of ['private', 'none'])
      assert.throws(() => openSurroundings(contextOf(running(range, { ipcNamespace })), alone({ ipcNamespace: of('1') })), {
        kind: 'invalid-argument',
        message: `can't join IPC of container ${idOf('1')}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
      });
    using surroundings = openSurroundings(contextOf(running(null, { ipcNamespace: 'host' })), alone({ ipcNamespace: of('1') }));
    assert.ok(surroundings.namespaces.shared.has('user'));
  });
});

test('a container that joins nobody has all of its own', () => {
  using surroundings = openSurroundings(contextOf(), recordWith());
  const { shared, joined, idRange } = surroundings.namespaces;
  assert.deepEqual([shared.size, joined.size, idRange, surroundings.sharesMemoryWith], [0, 0, null, null]);
});
