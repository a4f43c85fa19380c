import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGiveWay } from './give-way.ts';

test('work that lasts lets others have their turn, and work that is quick does not stop', async () => {
  let othersRan = 0;
  const others = setInterval(() => (othersRan += 1), 1);
  try {
    const giveWay = createGiveWay();
    const began = performance.now();
    while (othersRan === 0) {
      assert.ok(performance.now() - began < 60_000, 'others never ran');
      await giveWay();
    }
  } finally {
    clearInterval(others);
  }
  let isLater = false;
  setImmediate(() => (isLater = true));
  await createGiveWay()();
  assert.equal(isLater, false);
});
