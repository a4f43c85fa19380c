import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSerialQueues } from './serial.ts';

test('tasks of one key run one at a time, in the order of the calls', async () => {
  const queues = createSerialQueues();
  const seen: string[] = [];
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const run = (name: string, gate?: Promise<void>): Promise<void> =>
    queues.run('web', async () => {
      seen.push(`${name} begins`);
      await gate;
      seen.push(`${name} ends`);
    });
  const all = [run('first', gates[0]?.promise), run('second', gates[1]?.promise), run('third')];
  gates[1]?.resolve();
  await Promise.resolve();
  assert.deepEqual(seen, ['first begins']);
  gates[0]?.resolve();
  await Promise.all(all);
  assert.deepEqual(seen, ['first begins', 'first ends', 'second begins', 'second ends', 'third begins', 'third ends']);
});

test('another key does not wait', async () => {
  const queues = createSerialQueues();
  const gate = Promise.withResolvers<string>();
  const slow = queues.run('web', () => gate.promise);
  assert.equal(await queues.run('db', () => Promise.resolve('done')), 'done');
  gate.resolve('at last');
  assert.equal(await slow, 'at last');
});

test('a failure goes to its caller only; what waits behind it runs', async () => {
  const queues = createSerialQueues();
  const broken = queues.run('web', () => Promise.reject(new Error('no')));
  const next = queues.run('web', () => Promise.resolve('yes'));
  await assert.rejects(broken, /^Error: no$/);
  assert.equal(await next, 'yes');
});

test('a task that throws before its first wait is a failure like others', async () => {
  const queues = createSerialQueues();
  const broken = queues.run('web', () => {
    throw new Error('no');
  });
  await assert.rejects(broken, /^Error: no$/);
  assert.equal(await queues.run('web', () => Promise.resolve(1)), 1);
});

test('a task may queue another behind itself', async () => {
  const queues = createSerialQueues();
  const { promise, resolve } = Promise.withResolvers<string>();
  await queues.run('web', () => {
    void queues.run('web', () => Promise.resolve('later')).then(resolve);
    return Promise.resolve();
  });
  assert.equal(await promise, 'later');
});
