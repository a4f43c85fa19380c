import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainLines } from './await-boot.ts';
import { waitForAnswerMs } from './boot.ts';

test('a machine that boots is asked ever more rarely, one that is up now and then', () => {
  assert.ok(waitForAnswerMs('starting', 0) <= 100);
  const waits = Array.from({ length: 400 }, (_, asked) => waitForAnswerMs('starting', asked));
  assert.deepEqual(
    waits,
    waits.toSorted((a, b) => a - b),
  );
  assert.equal(waits.at(-1), 30_000);
  for (const state of ['running', 'degraded', 'stopping'] as const) assert.equal(waitForAnswerMs(state, 3), 300_000);
});

test('what a console says is shown without what drives a terminal', () => {
  const said = '\u001B[0;32m[  OK  ]\u001B[0m Started it.\r\n\u001B]3008;start=x\u001B\\\u001B[?25h\r\n\u001B(Bplain\u0007\rover\n\n   \n';
  assert.deepEqual(plainLines(said), ['[  OK  ] Started it.', 'plain', 'over']);
  assert.equal(plainLines('x'.repeat(1000))[0]?.length, 160);
  assert.deepEqual(plainLines('\u001B]0;never ended'), []);
});
