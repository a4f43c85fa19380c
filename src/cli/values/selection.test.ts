import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '#client';
import { fitsPattern, meansMany, selectContainers } from './selection.ts';

const engine = (running: readonly string[], stopped: readonly string[] = []): Pick<Client, 'containers'> => ({
  containers: {
    list: ({ all }: { all: boolean }) => Promise.resolve([...running, ...(all ? stopped : [])].map((name) => ({ Names: [`/${name}`] }))),
  } as unknown as Client['containers'],
});

test('patterns are those of a shell', () => {
  const cases: readonly [string, string, boolean][] = [
    ['web1', 'web*', true],
    ['aweb', 'web*', false],
    ['web1', 'web?', true],
    ['web12', 'web?', false],
    ['web2', 'web[1-3]', true],
    ['web4', 'web[!1-3]', true],
    ['web2', 'web[!1-3]', false],
    ['a.b', 'a.b', true],
    ['axb', 'a.b', false],
    ['a+b', 'a+*', true],
    ['x', '[', false],
  ];
  for (const [name, pattern, fits] of cases) assert.equal(fitsPattern(name, pattern), fits, `${name} ${pattern}`);
});

test('a word with a sign that no name has means many', () => {
  assert.deepEqual(['web', 'web*', 'a,b', 'web?', 'w[ab]'].map(meansMany), [false, true, true, true, true]);
});

test('names stand for themselves, patterns for what fits, each once', async () => {
  const select = (words: readonly string[], options = { all: false, running: false }) =>
    selectContainers(engine(['web2', 'web1', 'db'], ['web3']), words, options);
  assert.deepEqual(await select(['web2', 'nobody']), ['web2', 'nobody']);
  assert.deepEqual(await select(['web2', 'web*']), ['web2', 'web1', 'web3']);
  assert.deepEqual(await select(['web*'], { all: false, running: true }), ['web1', 'web2']);
  assert.deepEqual(await select([], { all: true, running: true }), ['db', 'web1', 'web2']);
  await assert.rejects(select(['mail*']), { code: 'CLI_NOTHING_FITS' });
});
