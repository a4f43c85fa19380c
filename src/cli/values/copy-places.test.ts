import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCopyPlace, planLanding } from './copy-places.ts';

test('a place is in a container unless it begins as a path', () => {
  assert.deepEqual(parseCopyPlace('box:/etc/a:b'), { container: 'box', path: '/etc/a:b' });
  for (const here of ['/a:b', './a:b', '../a:b', 'plain', '-', ':x']) assert.deepEqual(parseCopyPlace(here), { path: here });
  assert.throws(() => parseCopyPlace('box:'), /names no path/);
});

test('a copy lands in a directory that is there, else under the name that was given', () => {
  const file = { path: 'a/f', name: 'f', isDirectory: false };
  const tree = { path: 'a/t', name: 't', isDirectory: true };
  const directory = { isDirectory: true };
  assert.deepEqual(planLanding(file, '/x/d/', directory), { directory: '/x/d', name: 'f' });
  assert.deepEqual(planLanding(tree, '/x/d', directory), { directory: '/x/d', name: 't' });
  assert.deepEqual(planLanding({ ...tree, path: 'a/t/.' }, '/', directory), { directory: '/', name: null });
  assert.deepEqual(planLanding(file, '/x/new', null), { directory: '/x', name: 'new' });
  assert.deepEqual(planLanding({ ...tree, path: 'a/t/.' }, '/x/new/', null), { directory: '/x', name: 'new' });
  assert.throws(() => planLanding(file, '/x/new/', null), /no such directory: \/x\/new\//);
  assert.throws(() => planLanding(tree, '/x/file', { isDirectory: false }), /cannot copy directory/);
});
