import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runPs } from './host-ps.ts';

const shell = (script: string, patienceMs = 60_000): Promise<string> => runPs(['-c', script], { program: 'sh', patienceMs });

test('what ps prints, or its first complaint', async () => {
  assert.equal(await shell('echo PID'), 'PID\n');
  await assert.rejects(shell('echo no such option >&2; echo usage >&2; exit 1'), {
    kind: 'invalid-argument',
    message: 'ps: no such option',
  });
  await assert.rejects(runPs([], { program: 'no-such-ps', patienceMs: 60_000 }), { code: 'ENGINE_TOP_FAILED', message: /ENOENT/ });
});

test('a ps that does not end is given up', async () => {
  await assert.rejects(shell('exec sleep 1000', 20), { kind: 'deadline-exceeded', message: 'ps has not ended within 0.02 s' });
});
