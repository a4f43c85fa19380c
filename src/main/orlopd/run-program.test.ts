import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isAlive } from '#sys';
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

  test('is ended by an abort, with all that it started, before the caller is told why', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const pids: number[] = [];
    const onLine = (line: string): void => {
      pids.push(Number(line));
      if (pids.length === 2) stop.abort(reason);
    };
    const running = runProgram('sh', ['-c', 'sleep 100 & echo $! >&2; echo $$ >&2; wait'], { signal: stop.signal, onLine });
    await assert.rejects(running, reason);
    // Closed pipes are seen a moment before the end itself. One that lives on makes the test run into its time limit.
    while (pids.some((pid) => isAlive(pid))) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(pids.length, 2);
  });

  test('has the time to clean up after an abort', async () => {
    const stop = new AbortController();
    const lines: string[] = [];
    const onLine = (line: string): void => {
      lines.push(line);
      stop.abort();
    };
    const script =
      "process.once('SIGTERM', () => { console.error('cleaned'); process.exit(); }); console.error('ready'); setInterval(() => {}, 1e6);";
    await assert.rejects(runProgram(process.execPath, ['-e', script], { signal: stop.signal, onLine }), { name: 'AbortError' });
    assert.deepEqual(lines, ['ready', 'cleaned']);
  });

  test('is not begun when the signal has fired already', async () => {
    await assert.rejects(runProgram('/no/such/program', [], { signal: AbortSignal.abort() }), { name: 'AbortError' });
  });
});
