import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { findBosun } from './bosun.ts';

describe('the program bosun', () => {
  const named = process.env['ORLOP_BOSUN'];
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'orlop-bosun-'));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
    if (named === undefined) delete process.env['ORLOP_BOSUN'];
    else process.env['ORLOP_BOSUN'] = named;
  });

  test('is the one that the environment names, and no other', () => {
    const path = join(directory, 'mine');
    process.env['ORLOP_BOSUN'] = path;
    assert.throws(findBosun, (error: unknown) => isOrlopError(error, 'failed-precondition') && error.message.includes(path));
    writeFileSync(path, '');
    assert.equal(findBosun(), path);
  });

  test("is else this checkout's, or its place is told", () => {
    process.env['ORLOP_BOSUN'] = '';
    const place = join(import.meta.dirname, '../../../build/bosun');
    try {
      assert.equal(findBosun(), place);
    } catch (error) {
      assert.ok(isOrlopError(error, 'failed-precondition') && error.message.includes(place), String(error));
    }
  });
});
