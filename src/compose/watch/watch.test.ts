import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { watchPaths } from './watch.ts';

/** Watches a path of a new directory, does something once it is watched, and gives what has changed until all that is awaited has. */
async function changesOf(t: TestContext, path: string, work: (root: string) => void, awaited: readonly string[]): Promise<string[]> {
  const root = mkdtempSync(join(tmpdir(), 'orlop-watch-'));
  t.after(() => rmSync(root, { recursive: true }));
  const over = new AbortController();
  const seen = new Set<string>();
  for await (const batch of watchPaths([join(root, path)], over.signal, async () => work(root))) {
    for (const changed of batch) seen.add(changed.slice(root.length + 1));
    if (awaited.every((one) => seen.has(one))) over.abort();
  }
  return [...seen];
}

test('a directory that is not there yet is waited for, and what is in it then has changed', { timeout: 20_000 }, async (t) => {
  const make = (root: string): void => {
    mkdirSync(join(root, 'a/b'), { recursive: true });
    writeFileSync(join(root, 'a/b/file'), 'x');
    writeFileSync(join(root, 'beside'), 'x');
  };
  const changes = await changesOf(t, 'a/b', make, ['a/b/file']);
  assert.ok(!changes.includes('beside'), changes.join(' '));
});

test('a file is followed although it is not there yet', { timeout: 20_000 }, async (t) =>
  assert.deepEqual(await changesOf(t, 'one', (root) => writeFileSync(join(root, 'one'), 'x'), ['one']), ['one']),
);
