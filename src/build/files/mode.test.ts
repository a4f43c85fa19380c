import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import { parseMode } from './mode.ts';

test('octal modes are taken as they are', () => {
  assert.equal(parseMode('755')(0o600, false), 0o755);
  assert.equal(parseMode('04711')(0o600, true), 0o4711);
  assert.equal(parseMode('0')(0o600, false), 0);
});

test('symbolic modes do what chmod does without a umask', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-mode-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const [file, folder] = [join(directory, 'file'), join(directory, 'folder')];
  writeFileSync(file, '');
  mkdirSync(folder);
  const texts = ['u=rwX,go=rX', 'a+x', 'go-rwx', '+t', 'u+s,g+s', 'o=u', 'g=o-w', 'ug=rw,o=', 'a=', 'u=rwxs', '-x', '=r', 'g+X', 'u-s'];
  for (const text of texts) {
    for (const [path, isDirectory] of [
      [file, false],
      [folder, true],
    ] as const) {
      for (const before of [0o640, 0o751, 0o4755, 0o2750, 0o1777]) {
        chmodSync(path, before);
        execFileSync('sh', ['-c', 'umask 0; chmod -- "$0" "$1"', text, path]);
        const expected = lstatSync(path).mode & 0o7777;
        assert.equal(
          parseMode(text)(before, isDirectory).toString(8),
          expected.toString(8),
          `${text} on ${before.toString(8)} ${isDirectory}`,
        );
      }
    }
  }
});

for (const text of ['', '9', '77777', 'x', 'u=q', 'u', '+w,', 'rwx'])
  test(`${JSON.stringify(text)} is no mode`, () =>
    assert.throws(
      () => parseMode(text),
      (error) => isOrlopError(error, 'invalid-argument'),
    ));
