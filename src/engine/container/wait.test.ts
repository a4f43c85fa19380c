import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import type { EngineContext } from '../context.ts';
import { liveWith } from '../fixtures/records.ts';
import type { ContainerStatus, WaitCondition } from '../model.ts';
import { initialState } from './record.ts';
import { createContainerTable, notify, type LiveContainer } from './table.ts';
import { waitFor } from './wait.ts';

function setUp(status: ContainerStatus) {
  const container = liveWith({ name: 'web', state: { ...initialState, status } });
  const table = createContainerTable();
  table.add(container);
  const stop = new AbortController();
  // Waiting asks the context for its table only.
  const context = { table } as unknown as EngineContext;
  return { container, stop, wait: (condition: WaitCondition) => waitFor(context, 'web', condition, stop.signal) };
}

function end(container: LiveContainer, exitCode: number, error = ''): void {
  container.record = { ...container.record, state: { ...container.record.state, status: 'exited', exitCode, error } };
  notify(container.onExit);
}

function remove(container: LiveContainer): void {
  notify(container.onExit);
  notify(container.onRemove);
}

/** Whether the promise is settled once all that was queued before has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const turn = new Promise<'open'>((resolve) => setImmediate(resolve, 'open'));
  return (await Promise.race([promise.then(() => 'settled'), turn])) === 'settled';
}

describe('waiting until it does not run', () => {
  for (const status of ['created', 'exited'] as const) {
    test(`is over at once when it is ${status}`, async () => assert.deepEqual(await setUp(status).wait('not-running'), { exitCode: 0 }));
  }

  for (const status of ['running', 'paused'] as const) {
    test(`lasts until the end of one that is ${status}`, async () => {
      const { container, wait } = setUp(status);
      const waiting = wait('not-running');
      assert.equal(await isSettled(waiting), false);
      end(container, 3);
      assert.deepEqual(await waiting, { exitCode: 3 });
    });
  }
});

test('waiting for the next end does not count an earlier one', async () => {
  const { container, wait } = setUp('exited');
  const waiting = wait('next-exit');
  assert.equal(await isSettled(waiting), false);
  end(container, 9);
  assert.deepEqual(await waiting, { exitCode: 9 });
});

test('waiting for the removal lasts longer than the end', async () => {
  const { container, wait } = setUp('running');
  const waiting = wait('removed');
  end(container, 4);
  assert.equal(await isSettled(waiting), false);
  remove(container);
  assert.deepEqual(await waiting, { exitCode: 4 });
});

test('the removal of one that never ran ends every wait', async () => {
  const { container, wait } = setUp('created');
  const all = [wait('next-exit'), wait('removed')];
  remove(container);
  assert.deepEqual(await Promise.all(all), [{ exitCode: 0 }, { exitCode: 0 }]);
});

test('an error of the end is told with its code', async () => {
  const { container, wait } = setUp('running');
  const waiting = wait('next-exit');
  end(container, 255, 'its end was seen by nobody');
  assert.deepEqual(await waiting, { exitCode: 255, error: 'its end was seen by nobody' });
});

describe('giving up', () => {
  const isCancelled = (error: unknown): boolean => isOrlopError(error, 'cancelled') && error.message.includes('container web');

  test('ends the wait with cancelled and leaves no listener', async () => {
    const { container, stop, wait } = setUp('running');
    const all = (['not-running', 'next-exit', 'removed'] as const).map(wait);
    stop.abort();
    for (const waiting of all) await assert.rejects(waiting, isCancelled);
    assert.deepEqual([container.onExit.size, container.onRemove.size], [0, 0]);
  });

  test('before it began is cancelled too', async () => {
    const { container, stop, wait } = setUp('running');
    stop.abort();
    await assert.rejects(wait('next-exit'), isCancelled);
    assert.deepEqual([container.onExit.size, container.onRemove.size], [0, 0]);
  });
});

test('a wait that is over leaves no listener', async () => {
  const { container, wait } = setUp('running');
  const waiting = wait('next-exit');
  end(container, 0);
  await waiting;
  assert.deepEqual([container.onExit.size, container.onRemove.size], [0, 0]);
});

test('nobody waits for an unknown container', () => {
  const context = { table: createContainerTable() } as unknown as EngineContext;
  assert.throws(() => waitFor(context, 'web', 'next-exit', new AbortController().signal), /No such container: web/);
});
