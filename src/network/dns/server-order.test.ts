import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createServerOrder } from './server-order.ts';

test('a server that kept silent is asked last for a while', () => {
  let time = 0;
  const order = createServerOrder(() => time);
  const [one, two, three] = [{ address: '10.0.0.1' }, { address: '10.0.0.2' }, { address: '10.0.0.3' }];
  const listed = [one, two, three];
  assert.deepEqual(order.order(listed), listed);
  order.noteSilent([one]);
  assert.deepEqual(order.order(listed), [two, three, one]);
  assert.deepEqual(order.order([one]), [one], 'it is asked all the same');
  time = 29_999;
  assert.deepEqual(order.order(listed), [two, three, one]);
  time = 30_000;
  assert.deepEqual(order.order(listed), listed);
});

test("what is silent inside one container says nothing about another's", () => {
  const order = createServerOrder(() => 0);
  const own = { address: '127.0.0.1', bind: () => 0 };
  order.noteSilent([own]);
  const listed = [own, { address: '10.0.0.1' }];
  assert.deepEqual(order.order(listed), listed);
});
