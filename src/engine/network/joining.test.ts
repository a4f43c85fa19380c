import assert from 'node:assert/strict';
import { closeSync } from 'node:fs';
import { describe, test } from 'node:test';
import { createContainerTable } from '../container/table.ts';
import { initialState, type ContainerRecord } from '../container/record.ts';
import type { EngineContext } from '../context.ts';
import { idOf, liveWith, recordWith, requestWith } from '../fixtures/records.ts';
import type { CreateRequest } from '../model.ts';
import { hostFilesOwner, networkOwner, openJoining } from './joining.ts';

const range = { first: 1_000_000_000, count: 65_536 };
const running = (idRange: typeof range | null): Partial<ContainerRecord> => ({
  state: { ...initialState, status: 'running', pid: process.pid },
  run: { cgroup: 'x', idRange },
});

function contextOf(...others: readonly Partial<ContainerRecord>[]): EngineContext {
  const table = createContainerTable();
  for (const [index, change] of others.entries()) table.add(liveWith({ id: idOf(String(index + 1)), name: `c${index + 1}`, ...change }));
  return { table, addon: { close: closeSync } } as unknown as EngineContext;
}

const guest = (request: Partial<CreateRequest> = {}, other = '1'): ContainerRecord =>
  recordWith({ id: idOf('9'), name: 'guest', network: `container:${idOf(other)}`, request: requestWith(request) });

describe('joining the network of another container', () => {
  const cases: readonly [what: string, idRange: typeof range | null, request: Partial<CreateRequest>, shape: string, isShared: boolean][] =
    [
      ['takes its user ids', range, {}, 'own', true],
      ['takes its user ids when asked for any', range, { userNamespace: 'auto', privileged: true }, 'own', true],
      ['takes those of the host when asked for them', range, { userNamespace: 'host' }, 'shared-users', false],
      ['takes those of the host when privileged', range, { privileged: true }, 'shared-users', false],
      ['takes those of the host when the other has them', null, {}, 'shared-users', false],
    ];
  for (const [what, idRange, request, shape, isShared] of cases) {
    test(what, () => {
      using joining = openJoining(contextOf(running(idRange)), guest(request));
      const { net = -1, user = null, idRange: shared = null } = joining?.namespaces ?? {};
      assert.deepEqual([joining?.shape, net >= 0, user !== null, shared], [shape, true, isShared, isShared ? range : null]);
    });
  }

  test('with ids of its own, while the other has the host’s, is refused', () => {
    assert.throws(() => openJoining(contextOf(running(null)), guest({ userNamespace: 'auto' })), {
      kind: 'invalid-argument',
      code: 'ENGINE_NETWORK_USERNS',
    });
  });

  test('needs one that runs', () => {
    const message = `cannot join network of a non running container: ${idOf('1')}`;
    assert.throws(() => openJoining(contextOf({}), guest()), { kind: 'conflict', message });
    assert.throws(() => openJoining(contextOf(), guest()), { kind: 'not-found' });
  });

  test('is nothing for a container with a network of its own', () => assert.equal(openJoining(contextOf(), recordWith()), null));
});

describe('the owner of a shared network', () => {
  const joined = (other: string): Partial<ContainerRecord> => ({ network: `container:${idOf(other)}` });
  const nameOf = (context: EngineContext, record: ContainerRecord): string | null => networkOwner(context, record)?.record.name ?? null;

  test('is at the end of the chain', () => assert.equal(nameOf(contextOf({}, joined('1')), guest({}, '2')), 'c1'));
  test('is nobody for a network of its own', () => assert.equal(nameOf(contextOf({}), recordWith()), null));
  test('is nobody once it is gone, or in a circle', () => {
    assert.equal(nameOf(contextOf(joined('7')), guest()), null);
    assert.equal(nameOf(contextOf(joined('2'), joined('1')), guest()), null);
  });
  test('lends its files unless it is a machine', () => {
    assert.equal(hostFilesOwner(contextOf({}), guest())?.record.name, 'c1');
    assert.equal(hostFilesOwner(contextOf({ kind: 'system' }), guest()), null);
  });
});
