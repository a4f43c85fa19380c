import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPieceQueue } from './line-queue.ts';

test('a client that does not read costs a bounded amount; what must not be lost is not', async () => {
  const written: string[] = [];
  let read = (): void => undefined;
  const reads = new Promise<void>((resolve) => (read = resolve));
  const stream = {
    async write(chunk: string | Uint8Array) {
      await reads;
      written.push(String(chunk));
    },
  };
  const queue = createPieceQueue(
    () => stream,
    () => 'clipped',
  );
  const piece = 'x'.repeat(1024 * 1024);
  for (let count = 0; count < 100; count++) queue.send(piece, { droppable: true });
  queue.send('kept');
  queue.send('not this', { droppable: true });
  read();
  await queue.settled();
  assert.ok(written.length < 12, `${written.length} pieces`);
  assert.deepEqual(written.slice(-2), ['clipped', 'kept']);
  queue.send('later', { droppable: true });
  await queue.settled();
  assert.equal(written.at(-1), 'later');
});
