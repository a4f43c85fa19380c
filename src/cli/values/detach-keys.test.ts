import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { PassThrough } from 'node:stream';
import { parseArguments } from '../arguments/parse.ts';
import type { Io } from '../io.ts';
import { readDetachKeys } from './detach-keys.ts';

/** What is read with these words typed, at a terminal or not, where Docker's configuration file has this text. */
async function keysOf(t: TestContext, typed: readonly string[], config: string | null, isTTY = true) {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-config-'));
  t.after(() => rmSync(directory, { recursive: true }));
  if (config !== null) writeFileSync(join(directory, 'config.json'), config);
  const stderr = new PassThrough();
  const spec = {
    name: 'attach',
    summary: '',
    usage: '',
    flags: [{ name: 'detach-keys', kind: 'text', help: '' }],
    positionals: { min: 0, max: 0 },
  } as const;
  const io = { env: { DOCKER_CONFIG: directory }, stdin: { isTTY }, stderr } as unknown as Io;
  const keys = await readDetachKeys(parseArguments(spec, [...typed]), io);
  return { keys, said: String(stderr.read() ?? '') };
}

test('detach keys are those that are typed, else those of the configuration file, else the usual ones', async (t) => {
  const config = '{"detachKeys":"ctrl-e,e"}';
  assert.equal((await keysOf(t, ['--detach-keys', 'ctrl-x'], config)).keys, 'ctrl-x');
  assert.equal((await keysOf(t, [], config)).keys, 'ctrl-e,e');
  assert.equal((await keysOf(t, [], '{}')).keys, '');
  assert.equal((await keysOf(t, [], null)).keys, '');
});

test('where nobody types the file does not count', async (t) => {
  assert.equal((await keysOf(t, [], '{"detachKeys":"nonsense"}', false)).keys, '');
});

test('keys that are none are refused, a file that is none is passed over', async (t) => {
  await assert.rejects(keysOf(t, ['--detach-keys', 'xx'], null), { message: 'Invalid detach keys (xx) provided' });
  await assert.rejects(keysOf(t, [], '{"detachKeys":"xx"}'), { message: 'Invalid detach keys (xx) provided' });
  const { keys, said } = await keysOf(t, [], '{');
  assert.deepEqual([keys, said.startsWith('WARNING: ')], ['', true]);
});
