import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { listCommands } from './commands/index.ts';
import { programVersion } from './program-version.ts';
import { verbLoaders } from './verb-loaders.ts';

test('every command has its code, and all code a command', async () => {
  assert.deepEqual(
    Object.keys(verbLoaders).toSorted(),
    listCommands()
      .map(({ name }) => name)
      .toSorted(),
  );
  for (const [name, load] of Object.entries(verbLoaders)) assert.equal(typeof (await load()), 'function', name);
});

test('the program says the version of its package', () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  assert.equal(programVersion, version);
});
