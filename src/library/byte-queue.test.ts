import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { createByteQueue } from './byte-queue.ts';

const kilobytes = (count: number): Uint8Array => new Uint8Array(count * 1024);

test('what is pushed is read, also by who comes first', async () => {
  const queue = createByteQueue();
  const read = (async () => {
    let bytes = 0;
    for await (const piece of queue) bytes += piece.length;
    return bytes;
  })();
  await setImmediate();
  for (let count = 0; count < 10; count += 1) assert.equal(queue.push(kilobytes(1)), null);
  queue.end();
  assert.equal(await read, 10 * 1024);
});

test('a writer is held back while a mebibyte waits, until half of it is read', async () => {
  const queue = createByteQueue();
  assert.equal(queue.push(kilobytes(600)), null);
  const ready = queue.push(kilobytes(500));
  assert.notEqual(ready, null);
  let isReady = false;
  void ready?.then(() => (isReady = true));
  const reader = queue[Symbol.asyncIterator]();
  await setImmediate();
  assert.equal(isReady, false);
  await reader.next();
  await setImmediate();
  assert.equal(isReady, true);
});

test('who leaves the loop holds nobody back', async () => {
  const queue = createByteQueue();
  assert.equal(queue.push(kilobytes(1)), null);
  for await (const _ of queue) break;
  assert.equal(queue.push(kilobytes(5000)), null);
  const waiting = createByteQueue();
  const ready = waiting.push(kilobytes(2000));
  waiting.discard();
  await ready;
});

test('a failure comes after what was there, and frees the writer', async () => {
  const queue = createByteQueue();
  const ready = queue.push(kilobytes(2000));
  queue.fail(new RangeError('broken'));
  await ready;
  let bytes = 0;
  await assert.rejects(async () => {
    for await (const piece of queue) bytes += piece.length;
  }, RangeError);
  assert.equal(bytes, 2000 * 1024);
});
