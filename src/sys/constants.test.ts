import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import * as constants from './constants.ts';
import { signals } from './signals.ts';

const headers = ['sched.h', 'fcntl.h', 'signal.h', 'sys/mount.h', 'sys/resource.h', 'sys/file.h', 'sys/stat.h', 'sys/statvfs.h', 'stdio.h'];
const kernelHeaders = ['linux/loop.h', 'linux/openat2.h', 'linux/prctl.h', 'linux/magic.h'];

test('every number is the one in the headers of this machine', (t) => {
  if (spawnSync('cc', ['--version']).error !== undefined) return t.skip('no C compiler');
  const numbers = Object.entries({ ...constants, ...constants.rlimits, ...signals }).filter(([, value]) => typeof value === 'number');
  assert.ok(numbers.length > 100);
  const includes = [...headers, ...kernelHeaders].map((name) => `#include <${name}>`);
  // A name that these headers are too old for is left out; a name with another value stops the compiler.
  const checks = numbers.map(
    ([name, value]) => `#ifdef ${name}\n_Static_assert((long long)${name} == ${Number(value)}LL, "${name}");\n#endif`,
  );
  const source = ['#define _GNU_SOURCE', ...includes, ...checks, ''].join('\n');
  const run = spawnSync('cc', ['-fsyntax-only', '-x', 'c', '-'], { input: source, encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
});
