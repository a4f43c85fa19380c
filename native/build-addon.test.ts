import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildAddon } from './build-addon.ts';

test('the addon is built once, again when flags change, and a refusal leaves the old one', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-build-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const output = join(directory, 'sys.node');
  const quick = ['-O0', '-fsyntax-only'];
  assert.throws(() => buildAddon({ output, compiler: '/no/such/cc' }), /cannot run the C compiler \/no\/such\/cc/);
  assert.throws(() => buildAddon({ output, extraFlags: [...quick, '-DNAPI_VERSION="x"'] }), /refused native\/sys:\n.*NAPI_VERSION/s);
  assert.deepEqual(readdirSync(directory), []);
  assert.deepEqual(buildAddon({ output, extraFlags: ['-O0'] }), { built: true });
  const first = statSync(output).ino;
  assert.deepEqual(buildAddon({ output, extraFlags: ['-O0'] }), { built: false });
  assert.deepEqual(buildAddon({ output, extraFlags: ['-O0', '-g'] }), { built: true });
  assert.notEqual(statSync(output).ino, first, 'a loaded addon is replaced, never overwritten');
  assert.deepEqual(readdirSync(directory).sort(), ['sys.node', 'sys.node.stamp']);
});
