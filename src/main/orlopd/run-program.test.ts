import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runProgram } from './run-program.ts';

describe('a program', () => {
  test('gives its code and its output; a code other than 0 is no failure', async () => {
    assert.deepEqual(await runProgram('sh', ['-c', 'echo one; echo two; exit 3']), { code: 3, stdout: 'one\ntwo\n' });
  });

  test('gives its errors line by line as they come, the last one without an end too', async () => {
    const lines: string[] = [];
    await runProgram('sh', ['-c', 'echo first >&2; echo hidden; printf last >&2'], { onLine: (line) => lines.push(line) });
    assert.deepEqual(lines, ['first', 'last']);
  });

  test('is not held up by errors that nobody reads', async () => {
    const { stdout } = await runProgram('sh', ['-c', 'head -c 1000000 /dev/zero >&2; echo done']);
    assert.equal(stdout, 'done\n');
  });

  test('reads nothing, and gets our environment and more', async () => {
    const { stdout } = await runProgram('sh', ['-c', 'cat; echo "$EXTRA ${PATH:+path}"'], { env: { EXTRA: 'more' } });
    assert.equal(stdout, 'more path\n');
  });

  test('gets its words as they are', async () => {
    const { stdout } = await runProgram('printf', ['%s|', 'a b', '$HOME', '']);
    assert.equal(stdout, 'a b|$HOME||');
  });

  test('that was killed has no code', async () => {
    assert.equal((await runProgram('sh', ['-c', 'kill -9 $$'])).code, null);
  });

  test('that is not there is an error', async () => {
    await assert.rejects(runProgram('/no/such/program', []), { code: 'ENOENT' });
  });

  test('is asked to end when the signal fires', async () => {
    const stop = new AbortController();
    const running = runProgram('sh', ['-c', 'echo ready >&2; exec sleep 100'], { signal: stop.signal, onLine: () => stop.abort() });
    await assert.rejects(running, { name: 'AbortError' });
  });
});
