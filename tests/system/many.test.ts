import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

describe('verbs on many containers', { skip: whyNot() }, () => {
  let engine: TestEngine;
  const running = async (): Promise<string[]> => (await engine.must('ps', '--format', '{{.Names}}')).split('\n').filter(Boolean).sort();
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', '-q', 'busybox');
    for (const name of ['web1', 'web2', 'db'])
      await engine.must('run', '-d', '--name', name, '--stop-timeout', '0', 'busybox', 'sleep', '1000');
    await engine.must('create', '--name', 'web3', 'busybox', 'sleep', '1000');
  });
  after(() => engine[Symbol.asyncDispose]());

  test('exec runs in all that fit, each line with its name before it', async () => {
    const { code, stdout, stderr } = await engine.orlop('exec', 'web*,db', '--', 'sh', '-c', 'echo one; echo two >&2; printf three');
    assert.equal(code, 0);
    assert.deepEqual(stdout.split('\n').filter(Boolean).sort(), [
      'db   | one',
      'db   | three',
      'web1 | one',
      'web1 | three',
      'web2 | one',
      'web2 | three',
    ]);
    assert.deepEqual(stderr.split('\n').filter(Boolean).sort(), ['db   | two', 'web1 | two', 'web2 | two']);
  });

  test('its code is the largest, and one that cannot be asked fails the whole', async () => {
    const script = 'case $(hostname -i 2>/dev/null; cat /etc/hostname) in *) exit $(cat /code 2>/dev/null || echo 0);; esac';
    await engine.must('exec', 'web2', 'sh', '-c', 'echo 7 > /code');
    await engine.must('exec', 'db', 'sh', '-c', 'echo 3 > /code');
    assert.equal((await engine.orlop('exec', '--all', 'sh', '-c', script)).code, 7);
    const missing = await engine.orlop('exec', 'web1,nobody', 'true');
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /^nobody \| No such container: nobody$/m);
    assert.equal((await engine.orlop('exec', '--all', '--parallel', '1', '--', 'true')).code, 0);
  });

  test('what makes no sense with many is refused by name', async () => {
    assert.match((await engine.orlop('exec', '-i', 'web*', 'cat')).stderr, /--interactive is for one container/);
    assert.match((await engine.orlop('exec', 'web*')).stderr, /needs a command/);
    assert.match((await engine.orlop('exec', 'mail*', 'true')).stderr, /no running container fits "mail\*"/);
    assert.match((await engine.orlop('exec', '--parallel', '2', 'db', 'true')).stderr, /--parallel is for several/);
    assert.match((await engine.orlop('exec', 'db')).stderr, /"orlop exec" requires at least 2 arguments/);
    assert.match((await engine.orlop('stop', '--all', 'db')).stderr, /--all takes no names/);
    assert.match((await engine.orlop('stop')).stderr, /"orlop stop" requires at least 1 argument/);
  });

  test('stop, start, restart and rm take patterns and --all', async () => {
    assert.equal(await engine.must('stop', 'web*'), 'web1\nweb2');
    assert.deepEqual(await running(), ['db']);
    await engine.must('start', '--all');
    assert.deepEqual(await running(), ['db', 'web1', 'web2', 'web3']);
    assert.equal(await engine.must('restart', '-t', '0', 'web[12]'), 'web1\nweb2');
    assert.equal(await engine.must('stop', '-t', '0', '--all'), 'db\nweb1\nweb2\nweb3');
    assert.deepEqual(await running(), []);
    assert.equal(await engine.must('rm', 'web?'), 'web1\nweb2\nweb3');
    await engine.must('start', 'db');
    assert.notEqual((await engine.orlop('rm', '--all')).code, 0);
    assert.equal(await engine.must('rm', '--all', '--force'), 'db');
    assert.equal(await engine.must('ps', '-aq'), '');
  });
});
