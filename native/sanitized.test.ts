import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildBosun } from './build.ts';

// The tests of whole containers again, under bosun with address and undefined-behaviour sanitizers.

const suites = [
  'container',
  'attach',
  'failing-plan',
  'carrier',
  'furnish',
  'skeleton',
  'isolation',
  'terminal',
  'exec',
  'log',
  'log-writer',
  'settings',
  'failing-ops',
];
const root = join(import.meta.dirname, '..');

test('the sanitizers find nothing while whole containers run', { skip: process.getuid?.() === 0 ? false : 'needs root' }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-sanitized-'));
  try {
    const output = join(directory, 'bosun');
    const report = join(directory, 'report');
    buildBosun({ output, sanitize: true, define: { REPORT_PATH: JSON.stringify(report), LAG_NS: '300000000ull' } });
    const files = suites.map((name) => join(root, 'src/sys/bosun', `${name}.test.ts`));
    const { NODE_TEST_CONTEXT: _ours, ...environment } = process.env;
    const run = spawnSync(process.execPath, ['--test', '--test-isolation=none', '--test-reporter=spec', '--test-timeout=30000', ...files], {
      encoding: 'utf8',
      timeout: 240_000,
      env: { ...environment, ORLOP_BOSUN: output, ORLOP_BOSUN_IS_IMPATIENT: '1' },
    });
    assert.equal(readFileSync(report, 'utf8'), '');
    assert.equal(run.status, 0, run.stdout.slice(-20_000));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
