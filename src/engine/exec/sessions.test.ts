import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isOrlopError, type ErrorKind } from '#errors';
import { readAttached } from '../fixtures/attached.ts';
import { openTestEngine, whyNoEngine, type TestEngine } from '../fixtures/test-engine.ts';
import { assertNothingLeft, until } from '../fixtures/traces.ts';
import type { ExecRequest } from '../model.ts';

function failsWith(kind: ErrorKind, code: string) {
  return (error: unknown): boolean => isOrlopError(error, kind) && error.code === code;
}

function requestOf(command: readonly string[], change: Partial<ExecRequest> = {}): ExecRequest {
  return { command, terminal: false, attachStdin: false, attachStdout: true, attachStderr: true, ...change };
}

describe('one more process in a container', { skip: whyNoEngine(), timeout: 120_000 }, () => {
  let host: TestEngine;
  let box = '';
  before(async () => {
    host = await openTestEngine();
    box = await host.run(['sleep', '1000'], { hostname: 'box', env: ['A=1', 'B=2'] });
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    await assertNothingLeft(host.traces);
    assert.deepEqual(host.complaints, []);
  });

  /** Runs it to its end: what it said, and its code. */
  async function exec(command: readonly string[], change: Partial<ExecRequest> = {}, input = '', container = box) {
    const id = host.engine.execs.create(container, requestOf(command, change));
    const attached = await host.engine.execs.start(id, { detach: false });
    assert.ok(attached !== null);
    if (input === '') attached.stream.end();
    else attached.stream.end(input);
    const said = await readAttached(attached);
    await until(() => !host.engine.execs.inspect(id).running);
    return { ...said, exitCode: host.engine.execs.inspect(id).exitCode, id };
  }

  const codes: readonly [script: string, code: number][] = [
    ['exit 0', 0],
    ['exit 3', 3],
    ['exit 255', 255],
    ['kill -9 $$', 137],
    ['kill -TERM $$', 143],
  ];
  for (const [script, code] of codes) {
    test(`that does ${script} ends with ${code}`, async () => assert.equal((await exec(['sh', '-c', script])).exitCode, code));
  }

  test('is ended and resized by who asks while it is being started', async () => {
    const { execs } = host.engine;
    const id = execs.create(box, requestOf(['sleep', '1000'], { terminal: true }));
    await assert.rejects(execs.kill(id, 'KILL'), failsWith('conflict', 'ENGINE_EXEC_NOT_RUNNING'));
    const starting = execs.start(id, { detach: false });
    await Promise.all([execs.resize(id, 30, 90), execs.kill(id, 'KILL')]);
    const attached = await starting;
    assert.ok(attached !== null);
    await readAttached(attached);
    await until(() => !execs.inspect(id).running);
    assert.equal(execs.inspect(id).exitCode, 137);
    await assert.rejects(execs.kill(id, 'KILL'), failsWith('conflict', 'ENGINE_EXEC_NOT_RUNNING'));
    await assert.rejects(execs.kill(id, 'NONSENSE'), failsWith('invalid-argument', 'SYS_UNKNOWN_SIGNAL'));
  });

  test('says what it says on the stream it says it on', async () => {
    const { stdout, stderr } = await exec(['sh', '-c', 'echo out; echo err >&2']);
    assert.deepEqual([stdout, stderr], ['out\n', 'err\n']);
  });

  test('hears what is sent, to its end', async () => {
    const { stdout } = await exec(['cat'], { attachStdin: true }, 'hello\n');
    assert.equal(stdout, 'hello\n');
  });

  test('that ends before it has heard all is heard to its end', async () => {
    const id = host.engine.execs.create(box, requestOf(['echo', 'out'], { attachStdin: true }));
    const attached = await host.engine.execs.start(id, { detach: false });
    assert.ok(attached !== null);
    await until(() => !host.engine.execs.inspect(id).running);
    attached.stream.end('too late');
    assert.equal((await readAttached(attached)).stdout, 'out\n');
  });

  test('that nobody attached to hears nothing', async () => {
    assert.equal((await exec(['cat'])).stdout, '');
  });

  test('on a terminal speaks raw, on one stream', async () => {
    const { raw } = await exec(['sh', '-c', 'test -t 1 && echo $TERM'], { terminal: true });
    assert.equal(raw, 'xterm\r\n');
  });

  test('lives where the container lives: its root, its processes, its host name', async () => {
    const { stdout } = await exec(['sh', '-c', 'hostname; tr "\\0" " " < /proc/1/cmdline; echo; ls -d /bin/busybox']);
    assert.deepEqual(stdout.split('\n'), ['box', 'sleep 1000 ', '/bin/busybox', '']);
  });

  test("gets the container's environment and its own", async () => {
    const { stdout } = await exec(['sh', '-c', 'echo $A $B $C $HOME $HOSTNAME'], { env: ['B=3', 'C=4'] });
    assert.equal(stdout, '1 3 4 /root box\n');
  });

  test('runs as whom and where it was asked to', async () => {
    const { stdout } = await exec(['sh', '-c', 'id -u; id -g; pwd'], { user: '12:34', workingDirectory: '/var' });
    assert.equal(stdout, '12\n34\n/var\n');
  });

  test('has the limits and the place among the killable that the container has', async () => {
    const bound = await host.run(['sleep', '1000'], { ulimits: [{ name: 'nofile', soft: 42, hard: 43 }], oomScoreAdjust: 300 });
    const { stdout } = await exec(['sh', '-c', 'ulimit -n; ulimit -H -n; cat /proc/self/oom_score_adj'], {}, '', bound);
    assert.equal(stdout, '42\n43\n300\n');
    await host.engine.containers.remove(bound, { force: true });
  });

  test('has no more capabilities than the container, unless privileged', async () => {
    const bounding = async (change: Partial<ExecRequest>): Promise<string> =>
      (await exec(['sh', '-c', 'grep CapBnd /proc/self/status'], change)).stdout;
    const own = (await exec(['sh', '-c', 'grep CapBnd /proc/1/status'])).stdout;
    assert.equal(await bounding({}), own);
    assert.notEqual(await bounding({ privileged: true }), own);
  });

  test("that is privileged gets what the engine has, in a container of the host's users", async () => {
    const shared = await host.run(['sleep', '1000'], { userNamespace: 'host' });
    const id = host.engine.execs.create(shared, requestOf(['true'], { privileged: true }));
    await host.engine.execs.start(id, { detach: true });
    await until(() => !host.engine.execs.inspect(id).running);
    assert.equal(host.engine.execs.inspect(id).exitCode, 0);
    await host.engine.containers.remove(shared, { force: true });
  });

  test('that is a program that is not there ends with 127, and says so', async () => {
    const id = host.engine.execs.create(box, requestOf(['/no/such/program']));
    await assert.rejects(host.engine.execs.start(id, { detach: false }), failsWith('not-found', 'RUNTIME_COMMAND_NOT_FOUND'));
    const { running, exitCode } = host.engine.execs.inspect(id);
    assert.deepEqual([running, exitCode], [false, 127]);
  });

  test('that is no program ends with 126', async () => {
    const id = host.engine.execs.create(box, requestOf(['/etc/passwd']));
    await assert.rejects(host.engine.execs.start(id, { detach: true }), (error: unknown) => isOrlopError(error, 'permission-denied'));
    assert.equal(host.engine.execs.inspect(id).exitCode, 126);
  });

  test('is told of: running, with its process, then ended, with its code', async () => {
    const id = host.engine.execs.create(box, requestOf(['sh', '-c', 'read line; exit 4'], { attachStdin: true }));
    assert.deepEqual(host.engine.containers.inspect(box).execIds, [id]);
    const created = host.engine.execs.inspect(id);
    assert.deepEqual([created.running, created.exitCode, created.containerId], [false, null, box]);
    const attached = await host.engine.execs.start(id, { detach: false });
    const running = host.engine.execs.inspect(id);
    assert.deepEqual([running.running, running.exitCode, running.pid > 0], [true, null, true]);
    attached?.stream.resume().end('go\n');
    await until(() => !host.engine.execs.inspect(id).running);
    const ended = host.engine.execs.inspect(id);
    // Docker shows the process of one that has ended as well.
    assert.deepEqual([ended.exitCode, ended.pid], [4, running.pid]);
    assert.deepEqual(host.engine.containers.inspect(box).execIds, []);
    assert.equal(host.engine.execs.inspect(id.slice(0, 12)).id, id);
  });

  test('runs once', async () => {
    const { id } = await exec(['true']);
    await assert.rejects(host.engine.execs.start(id, { detach: true }), failsWith('conflict', 'ENGINE_EXEC_STARTED'));
  });

  test('can be left alone', async () => {
    const id = host.engine.execs.create(box, requestOf(['sh', '-c', 'exit 6']));
    assert.equal(await host.engine.execs.start(id, { detach: true }), null);
    await until(() => !host.engine.execs.inspect(id).running);
    assert.equal(host.engine.execs.inspect(id).exitCode, 6);
  });

  test('of several at once each gets its own answer', async () => {
    const numbers = [1, 2, 3, 4, 5, 6];
    const answers = await Promise.all(numbers.map((number) => exec(['sh', '-c', `echo ${number}; exit ${number}`])));
    assert.deepEqual(
      answers.map((answer) => [answer.stdout, answer.exitCode]),
      numbers.map((number) => [`${number}\n`, number]),
    );
  });

  test('cannot be one without a command, in a container that does not run, or one that nobody made', async () => {
    assert.throws(() => host.engine.execs.create(box, requestOf([])), failsWith('invalid-argument', 'ENGINE_NO_COMMAND'));
    const idle = await host.create(['true']);
    assert.throws(() => host.engine.execs.create(idle, requestOf(['true'])), failsWith('conflict', 'ENGINE_CONTAINER_NOT_RUNNING'));
    await host.engine.containers.remove(idle, {});
    for (const id of ['f'.repeat(64), 'abc', '']) {
      assert.throws(() => host.engine.execs.inspect(id), failsWith('not-found', 'ENGINE_EXEC_NOT_FOUND'));
    }
    await assert.rejects(host.engine.execs.resize('f'.repeat(64), 1, 1), failsWith('not-found', 'ENGINE_EXEC_NOT_FOUND'));
  });

  test('ends with its container', async () => {
    const brief = await host.run(['sh', '-c', 'trap "exit 0" TERM; echo ready; while :; do sleep 0.02; done']);
    await host.firstOutput(brief);
    const id = host.engine.execs.create(brief, requestOf(['sleep', '1000']));
    await host.engine.execs.start(id, { detach: true });
    await host.engine.containers.stop(brief, { timeoutS: -1 });
    await until(() => !host.engine.execs.inspect(id).running);
    assert.equal(host.engine.execs.inspect(id).exitCode, 137);
    await host.engine.containers.remove(brief, {});
  });
});
