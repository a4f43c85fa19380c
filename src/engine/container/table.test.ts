import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { idOf, liveWith } from '../fixtures/records.ts';
import type { ContainerId } from '../model.ts';
import { createContainerTable, notify } from './table.ts';

const ids = {
  web: 'abc1'.padEnd(64, '0') as ContainerId,
  db: 'abc2'.padEnd(64, '0') as ContainerId,
  cafe: 'ffff'.padEnd(64, '0') as ContainerId,
};

function filledTable() {
  const table = createContainerTable();
  const live = Object.entries(ids).map(([name, id]) => liveWith({ id, name }));
  for (const container of live) table.add(container);
  return table;
}

describe('finding a container', () => {
  const cases: readonly [what: string, ref: string, id: ContainerId][] = [
    ['by whole id', ids.web, ids.web],
    ['by name', 'web', ids.web],
    ['by name with a slash', '/web', ids.web],
    ['by a prefix of its id that no other has', 'abc2', ids.db],
    ['by name before prefix', 'cafe', ids.cafe],
  ];
  for (const [what, ref, id] of cases) test(what, () => assert.equal(filledTable().find(ref).record.id, id));

  test('a name wins over the prefix of another id', () => {
    const table = filledTable();
    const abc = liveWith({ id: idOf('2'), name: 'abc' });
    table.add(abc);
    assert.equal(table.find('abc'), abc);
  });

  test('a prefix of several ids is ambiguous', () => {
    const isAmbiguous = (error: unknown): boolean =>
      isOrlopError(error, 'invalid-argument') && error.message === 'multiple IDs found with provided prefix: abc';
    assert.throws(() => filledTable().find('abc'), isAmbiguous);
  });

  for (const ref of ['nobody', '', '/', 'ABC1', 'abc3', '__proto__', ids.web.slice(1)]) {
    test(`${JSON.stringify(ref.slice(0, 12))} is not found, in Docker's words`, () => {
      assert.throws(
        () => filledTable().find(ref),
        (error: unknown) => isOrlopError(error, 'not-found') && error.message === `No such container: ${ref}`,
      );
    });
  }
});

test('what was dropped is gone, by id and by name', () => {
  const table = filledTable();
  table.drop(ids.web);
  assert.equal(table.get(ids.web), undefined);
  assert.equal(table.holderOf('web'), undefined);
  assert.deepEqual(
    table.all().map((container) => container.record.name),
    ['db', 'cafe'],
  );
});

test('a renamed container is found by its new name only', () => {
  const table = filledTable();
  const web = table.find('web');
  web.record = { ...web.record, name: 'front' };
  assert.equal(table.find('front'), web);
  assert.equal(table.holderOf('web'), undefined);
});

test('each listener is called once, also when it listens again', () => {
  const calls: string[] = [];
  const listeners = new Set<() => void>();
  const again = (): void => {
    calls.push('again');
    listeners.add(again);
  };
  listeners.add(again);
  listeners.add(() => calls.push('once'));
  notify(listeners);
  assert.deepEqual(calls, ['again', 'once']);
  notify(listeners);
  assert.deepEqual(calls, ['again', 'once', 'again']);
});
