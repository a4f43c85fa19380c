import assert from 'node:assert/strict';
import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadAddon } from '#sys';
import { asRoot, collect, temporaryDirectory } from '../testing/temporary-store.ts';
import { createTarReader } from '../tar/reader.ts';
import { packUpper } from './pack.ts';

test('the root of a tree is in its layer only when it is not as roots are', asRoot, async (t) => {
  const addon = loadAddon();
  const tree = temporaryDirectory(t, addon);
  writeFileSync(join(tree, 'a'), '');
  const names = async (): Promise<string[]> => {
    const found: string[] = [];
    const reader = createTarReader({ entry: ({ path }) => found.push(path), data: () => {}, endOfFile: () => {} });
    reader.write(await collect(packUpper(addon, tree)));
    reader.end();
    return found;
  };
  chmodSync(tree, 0o755);
  assert.deepEqual(await names(), ['a']);
  chmodSync(tree, 0o700);
  assert.deepEqual(await names(), ['./', 'a']);
  chmodSync(tree, 0o755);
  chownSync(tree, 1, 0);
  assert.deepEqual(await names(), ['./', 'a']);
});
