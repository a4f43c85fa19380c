import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planMany } from './exec-many.ts';

test('a first word that is a name is for that container alone, as with Docker, whatever follows', () => {
  for (const words of [
    ['web', 'ls'],
    ['web', 'git', 'log', '--', 'x'],
    ['web', '--', 'ls'],
    ['web', 'ls', '*'],
  ])
    assert.equal(planMany(words, false), null);
});

test('a pattern, names with commas, or --all are for many; -- before the command may stand', () => {
  assert.deepEqual(planMany(['web*', 'ls', '-l'], false), { words: ['web*'], command: ['ls', '-l'] });
  assert.deepEqual(planMany(['web*,db', '--', 'git', 'log', '--', 'x'], false), {
    words: ['web*', 'db'],
    command: ['git', 'log', '--', 'x'],
  });
  assert.deepEqual(planMany(['uptime'], true), { words: [], command: ['uptime'] });
  assert.deepEqual(planMany(['--', 'uptime'], true), { words: [], command: ['uptime'] });
});
