import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { askPort as ask } from '../../src/engine/fixtures/ask-port.ts';
import { startEngine, whyNot } from './harness.ts';

describe('containers on demand and proxies from the command line', { skip: whyNot() }, () => {
  test('an engine that is killed loses nobody who connects, neither to what sleeps nor through a proxy', async () => {
    await using engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    const [door, way] = [21_000 + Math.floor(Math.random() * 4_000), 25_001 + Math.floor(Math.random() * 4_000)];
    const server = ['busybox', 'nc', '-ll', '-p', '80', '-e', 'sh', '-c', 'read line; echo pong'];
    await engine.must('create', '--on-demand', '-p', `127.0.0.1:${door}:80`, '--name', 'sleeper', ...server);
    await engine.must('run', '-d', '--name', 'web', ...server);
    await engine.must('device', 'add', 'web', 'way', 'proxy', `listen=tcp:127.0.0.1:${way}`, 'connect=tcp:127.0.0.1:80');
    assert.match(await engine.must('ps', '-a', '--filter', 'name=sleeper', '--format', '{{.Status}}'), /^Created \(on demand\)$/);
    await engine.kill();
    assert.equal(await ask(way), 'pong', 'a proxy needs no engine');
    const waiting = ask(door);
    await engine.start();
    assert.equal(await waiting, 'pong');
    assert.equal(await engine.must('inspect', '--format', '{{.State.Status}}', 'sleeper'), 'running');
    assert.equal(await ask(way), 'pong');
    await engine.must('rm', '-f', 'sleeper', 'web');
    assert.deepEqual([await ask(door), await ask(way)], ['', '']);
  });
});
