import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { loadAddon } from '../load-addon.ts';
import { prepareMonitorDirectory, readExitRecord } from './exit-record.ts';
import { attachMonitor, connectMonitor } from './monitor.ts';
import { parseLog, reasonToSkip, whenEnded } from './test-container.ts';

describe('when the engine is killed', { skip: reasonToSkip() }, () => {
  test('the container runs on, its log is complete, and its end is recorded', async () => {
    const addon = loadAddon();
    const directory = mkdtempSync(join(tmpdir(), 'orlop-survival-'));
    const monitorDirectory = join(directory, 'monitor');
    mkdirSync(join(directory, 'root'));
    prepareMonitorDirectory(monitorDirectory);
    try {
      const engine = spawn(process.execPath, [join(import.meta.dirname, 'test-engine.ts'), directory], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [words] = (await once(engine.stdout, 'data')) as [Buffer];
      const { monitor, pid } = JSON.parse(words.toString()) as { monitor: number; pid: number };
      const ended = [whenEnded(addon, monitor), whenEnded(addon, pid)];
      engine.kill('SIGKILL');
      await once(engine, 'exit');

      const { status, connection } = await connectMonitor(monitorDirectory, addon);
      assert.deepEqual([status?.state, status?.pid], ['running', pid]);
      assert.equal(readExitRecord(monitorDirectory), null);
      const client = await attachMonitor(monitorDirectory, { stdin: true, stdout: false, stderr: false }, addon);
      client.resume();
      client.end('go on\n');
      const exit = await connection.exited;
      connection.close();
      await Promise.all(ended);

      assert.equal(exit.exitCode, 11);
      assert.deepEqual(readExitRecord(monitorDirectory), exit);
      const log = parseLog(readFileSync(join(directory, 'log'), 'utf8')).map((record) => record.log);
      assert.equal(log.length, 5002);
      assert.deepEqual([log[0], log[1], log.at(-1)], ['ready\n', 'line 1\n', 'go on\n']);
      assert.deepEqual(readdirSync(monitorDirectory), ['exit']);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
