import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFilePlace, parseMode, pathOfFile } from './file-places.ts';

test('the first slash divides a container from a path in it, with a colon before it or without', () => {
  assert.deepEqual(parseFilePlace('box/etc/hosts'), { container: 'box', path: '/etc/hosts' });
  assert.deepEqual(parseFilePlace('box:/etc/a:b'), { container: 'box', path: '/etc/a:b' });
  assert.deepEqual(parseFilePlace('box/'), { container: 'box', path: '/' });
  assert.deepEqual(parseFilePlace('box', { root: true }), { container: 'box', path: '/' });
});

test('what names no container, or no path, is refused', () => {
  for (const text of ['', '/etc/hosts', 'box', 'box:', ':/etc', 'box:etc'])
    assert.throws(() => parseFilePlace(text), { code: 'CLI_USAGE' }, text);
});

test('a file goes under the name that is given, or into a directory under its own', () => {
  assert.equal(pathOfFile('/srv/new', 'old', false), '/srv/new');
  assert.equal(pathOfFile('/srv/', 'old', false), '/srv/old');
  assert.equal(pathOfFile('/srv', 'old', true), '/srv/old');
});

test('modes are octal digits', () => {
  assert.equal(parseMode('0640'), 0o640);
  assert.equal(parseMode('4755'), 0o4755);
  assert.equal(parseMode(undefined), undefined);
  for (const text of ['', '8', '99', 'u+x', '07777']) assert.throws(() => parseMode(text), { code: 'CLI_USAGE' }, text);
});
