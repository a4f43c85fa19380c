import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { buildHarness, fuzzTargets, runHarness } from './fuzz.ts';

// A bounded number of rounds with a fixed seed; `node native/fuzz.ts` goes on for as long as one likes.

let directory = '';

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'orlop-fuzz-'));
  buildHarness(join(directory, 'harness'));
});

after(() => rmSync(directory, { recursive: true, force: true }));

for (const target of fuzzTargets)
  test(`damaged input of the parser of ${target} is refused or read, and never read beyond its end`, () => {
    const { status, rounds, kept, found } = runHarness(join(directory, 'harness'), { target, seed: 20261121, rounds: 30_000, seconds: 0 });
    assert.deepEqual([status, rounds, found], [0, 30_000, '']);
    // Coverage is at work: damage has led further than the sound inputs did.
    assert.ok(kept > 4, String(kept));
  });
