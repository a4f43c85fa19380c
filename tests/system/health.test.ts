import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

describe('the health of containers', { skip: whyNot() }, () => {
  let engine: TestEngine;
  const health = (name: string): Promise<string> =>
    engine.must('inspect', '-f', '{{.State.Health.Status}} {{.State.Status}} {{.RestartCount}}', name);
  const until = async (name: string, wanted: RegExp): Promise<void> => {
    let last = '';
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; await delay(30)) {
      last = await health(name);
      if (wanted.test(last)) return;
    }
    assert.fail(`${name} is ${last}, not ${wanted}`);
  };
  const run = (name: string, ...flags: string[]): Promise<string> =>
    engine.must('run', '-d', '--name', name, '--health-interval', '200ms', ...flags, 'busybox', 'sh', '-c', 'touch /well; exec sleep 1000');

  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', '-q', 'busybox');
  });
  after(() => engine[Symbol.asyncDispose]());

  test('is asked for again and again, told by events, ps and filters, with what was said', async () => {
    await run('asked', '--health-cmd', 'cat /well && echo fine', '--health-retries', '2');
    await until('asked', /^healthy/);
    assert.match(await engine.must('ps', '--format', '{{.Status}}', '--filter', 'health=healthy'), /^Up .* \(healthy\)$/);
    assert.match(await engine.must('inspect', '-f', '{{range .State.Health.Log}}{{.Output}}{{end}}', 'asked'), /fine\n?$/);
    await engine.must('exec', 'asked', 'rm', '/well');
    await until('asked', /^unhealthy running 0$/);
    assert.match(await engine.must('inspect', '-f', '{{json .State.Health}}', 'asked'), /No such file/);
    await engine.must('exec', 'asked', 'touch', '/well');
    await until('asked', /^healthy/);
    const events = await engine.must('events', '--since', '1h', '--until', '0s', '--filter', 'container=asked', '--format', '{{.Action}}');
    const told = events.split('\n').filter((action) => action.startsWith('health_status'));
    assert.deepEqual(told, ['health_status: healthy', 'health_status: unhealthy', 'health_status: healthy']);
  });

  test('an answer that takes too long is none, and what asked is gone', async () => {
    await run('slow', '--health-cmd', 'sleep 777', '--health-timeout', '300ms', '--health-retries', '1');
    await until('slow', /^unhealthy/);
    assert.match(
      await engine.must('inspect', '-f', '{{(index .State.Health.Log 0).Output}}', 'slow'),
      /^Health check exceeded timeout \(300ms\)/,
    );
    await engine.must('rm', '-f', 'slow');
  });

  test('unhealthy containers are restarted, or stopped, when that is wanted', async () => {
    await run('again', '--health-cmd', 'test -e /well', '--health-retries', '1', '--on-unhealthy', 'restart', '--stop-timeout', '0');
    await until('again', /^healthy/);
    const first = await engine.must('inspect', '-f', '{{.State.StartedAt}}', 'again');
    await engine.must('exec', 'again', 'rm', '/well');
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; await delay(50))
      if ((await engine.must('inspect', '-f', '{{.State.StartedAt}}', 'again')) !== first) break;
    await until('again', /^healthy running/);
    await run('ended', '--health-cmd', 'false', '--health-retries', '1', '--on-unhealthy', 'stop', '--stop-timeout', '0');
    await until('ended', / exited /);
  });

  test('goes on to be asked for by the next engine', async () => {
    await run('kept', '--health-cmd', 'test -e /well', '--health-retries', '1');
    await until('kept', /^healthy/);
    await engine.kill();
    await engine.start();
    await until('kept', /^healthy/);
    await engine.must('exec', 'kept', 'rm', '/well');
    await until('kept', /^unhealthy/);
  });

  test('of an image is asked for unless nobody wants to know', async () => {
    await engine.must('create', '--name', 'base', 'busybox', 'sleep', '1000');
    await engine.must('commit', '-c', 'HEALTHCHECK --interval=150ms --retries=7 CMD true', 'base', 'checked');
    assert.match(
      await engine.must('inspect', '-f', '{{json .Config.Healthcheck}}', 'checked'),
      /"CMD-SHELL","true"\],"Interval":150000000,"Retries":7/,
    );
    await engine.must('run', '-d', '--name', 'by-image', 'checked');
    await until('by-image', /^healthy/);
    await engine.must('run', '-d', '--name', 'unasked', '--no-healthcheck', 'checked');
    assert.equal(await engine.must('inspect', '-f', '{{with index .State "Health"}}{{.Status}}{{else}}none{{end}}', 'unasked'), 'none');
    assert.match((await engine.orlop('run', '--no-healthcheck', '--health-cmd', 'x', 'busybox')).stderr, /--no-healthcheck conflicts/);
    assert.match((await engine.orlop('run', '--health-interval', 'soon', 'busybox')).stderr, /must be a duration/);
  });
});
