import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BuildEvent } from '#wire';
import { createToldBuilds } from './told.ts';

const said = (text: string): BuildEvent => ({ type: 'log', step: '0.1', stream: 'stdout', text });
const ended: BuildEvent = { type: 'end', step: '0.1', atMs: 1, cached: false, state: '' };

test('what a build told is read once it is over, for root only, within bounds, and under any id', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'orlop-told-'));
  t.after(() => rmSync(root, { recursive: true }));
  const builds = createToldBuilds(join(root, 'builds'));
  const id = '../../a b';
  const telling = builds.begin(id);
  telling.take(said('hello\n'));
  telling.take({ type: 'progress', step: '0.1', progress: { status: 'half' } });
  assert.equal(builds.read(id), null);
  for (let at = 0; at < 1000; at++) telling.take(said('x'.repeat(1024)));
  telling.take(ended);
  telling.end();
  const told = builds.read(id) ?? [];
  assert.deepEqual([told[0]?.event, told.at(-1)?.event], [said('hello\n'), ended]);
  const [name = ''] = readdirSync(join(root, 'builds'));
  const { size, mode } = statSync(join(root, 'builds', name));
  assert.ok(size > 500_000 && size < 600_000, String(size));
  assert.equal(mode & 0o777, 0o600);
  appendFileSync(join(root, 'builds', name), '{"cut');
  assert.equal(builds.read(id)?.length, told.length);
  builds.remove(id);
  assert.equal(builds.read(id), null);
});
