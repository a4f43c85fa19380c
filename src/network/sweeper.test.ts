import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '#log';
import { createSerial } from './serial.ts';
import { createSweeper } from './sweeper.ts';

const quiet = createLogger({ sink: () => {} });

test('the work is done once it is quiet, once however often it was asked for', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let runs = 0;
  using sweeper = createSweeper(() => void (runs += 1), quiet);
  for (let round = 0; round < 5; round += 1) {
    sweeper.soon();
    t.mock.timers.tick(4_000);
  }
  assert.equal(runs, 0);
  t.mock.timers.tick(10_000);
  assert.equal(runs, 1);
});

test('work that still waits is done at the end, and none twice', () => {
  let runs = 0;
  const sweeper = createSweeper(() => void (runs += 1), quiet);
  sweeper[Symbol.dispose]();
  assert.equal(runs, 0);
  sweeper.soon();
  sweeper[Symbol.dispose]();
  sweeper[Symbol.dispose]();
  assert.equal(runs, 1);
});

test('work that fails is logged and can be asked for again', () => {
  const lines: string[] = [];
  const sweeper = createSweeper(
    () => {
      throw new Error('no luck');
    },
    createLogger({ sink: (line) => void lines.push(line) }),
  );
  for (let round = 0; round < 2; round += 1) {
    sweeper.soon();
    sweeper[Symbol.dispose]();
  }
  assert.equal(lines.filter((line) => line.includes('no luck')).length, 2);
});

test('steps run one after the other, also after one that failed', async () => {
  const serial = createSerial();
  const events: string[] = [];
  const step = (name: string, fails = false) =>
    serial(async () => {
      events.push(`${name} begins`);
      await Promise.resolve();
      events.push(`${name} ends`);
      if (fails) throw new Error(name);
    });
  const results = await Promise.allSettled([step('a'), step('b', true), step('c')]);
  assert.deepEqual(events, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  assert.deepEqual(
    results.map((result) => result.status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
});
