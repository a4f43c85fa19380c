import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { bosunPath, openTestContainer, reasonToSkip } from './test-container.ts';

const built = existsSync(bosunPath) ? false : `needs ${bosunPath}: npm run build`;

function runInit(...argv: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(bosunPath, ['init', '--', ...argv], { encoding: 'utf8' });
}

describe('the init role', { skip: built }, () => {
  test('gives its program’s exit status, or 128 and the signal', () => {
    assert.equal(runInit('sh', '-c', 'exit 42').status, 42);
    assert.equal(runInit('sh', '-c', 'kill -TERM $$').status, 143);
  });

  test('says what cannot be run, with the statuses of a shell', () => {
    assert.deepEqual(
      [runInit('no-such-program').status, runInit('no-such-program').stderr],
      [127, 'bosun init: no-such-program: not found\n'],
    );
    assert.equal(runInit('/etc/passwd').status, 126);
    assert.equal(spawnSync(bosunPath, ['init', '--']).status, 2);
  });

  test('passes signals on to its program', async () => {
    const init = spawn(bosunPath, ['init', '--', 'sh', '-c', 'trap "exit 5" USR1; echo ready; while :; do read x; done'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(init.stdout, 'data');
    init.kill('SIGUSR1');
    assert.deepEqual(await once(init, 'exit'), [5, null]);
  });

  test('as process 1 it reaps what is orphaned', { skip: reasonToSkip() }, async () => {
    await using container = openTestContainer();
    const orphans =
      'for i in 1 2 3; do (sleep 0 &); done; while cat /proc/[0-9]*/stat 2>/dev/null | grep -q "(sleep)"; do :; done; echo reaped';
    await container.run({
      argv: ['/init', 'init', '--', 'sh', '-c', `${orphans}; cat /proc/1/comm`],
      before: [{ op: 'bind', source: bosunPath, target: '/init', recursive: 0, make: 2 }],
    });
    assert.equal((await container.monitor.exited).exitCode, 0);
    assert.equal(container.logged('stdout'), 'reaped\ninit\n');
  });
});
