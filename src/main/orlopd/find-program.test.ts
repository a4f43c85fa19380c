import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findProgram } from './find-program.ts';

test('a program is found by the search path, if it can be executed', () => {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-program-'));
  try {
    const path = join(directory, 'orlop-no-such-program');
    writeFileSync(path, '');
    chmodSync(path, 0o755);
    assert.equal(findProgram('orlop-no-such-program', `relative::/nowhere:${directory}`), path);
    assert.equal(findProgram('orlop-no-such-program', ''), null);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('services with a short search path find what is in its usual home', () => {
  assert.match(findProgram('env', '') ?? '', /^\/(?:usr\/)?bin\/env$/);
});
