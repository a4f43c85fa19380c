import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFindings } from './doctor.ts';

test('what is as it should be is counted, what is not comes with what to do', () => {
  const well = { name: 'kernel', state: 'ok', text: 'Linux 6.18' } as const;
  const blocked = { name: 'published port 0.0.0.0:80/tcp', state: 'fail', text: 'chain FORWARD drops it', advice: 'open it' } as const;
  const guess = { name: 'br_netfilter', state: 'warn', text: 'may be in the way' } as const;
  assert.equal(
    formatFindings([well, blocked, guess], false),
    `fail  published port 0.0.0.0:80/tcp: chain FORWARD drops it
      try: open it
warn  br_netfilter: may be in the way
ok    1 other thing was looked at (--all shows them)
`,
  );
  assert.equal(formatFindings([well], true), 'ok    kernel: Linux 6.18\n');
  assert.equal(formatFindings([well, well], false), 'ok    2 things were looked at (--all shows them)\n');
});
