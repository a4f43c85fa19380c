import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { connect, type Container, type Engine, type OwnedContainer } from '#library';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

const image = 'busybox';
const forever = ['sleep', '100000'];

describe('the library', { skip: whyNot() }, () => {
  let daemon: TestEngine;
  let engine: Engine;
  before(async () => {
    daemon = await startEngine();
    await daemon.must('template', 'build', image);
    engine = connect({ host: daemon.host });
  });
  after(async () => {
    await engine.close();
    await daemon[Symbol.asyncDispose]();
  });
  const shell = (script: string, more: Partial<Parameters<Engine['run']>[0]> = {}): Promise<OwnedContainer> =>
    engine.run({ image, command: ['sh', '-c', script], init: true, network: 'none', ...more });
  const text = async (pieces: AsyncIterable<Uint8Array>): Promise<string> => {
    const all: Uint8Array[] = [];
    for await (const piece of pieces) all.push(piece);
    return Buffer.concat(all).toString();
  };
  const until = async (is: () => Promise<boolean>): Promise<void> => {
    while (!(await is())) await delay(10);
  };
  const isThere = async ({ id }: Container): Promise<boolean> => (await engine.containers.list({ all: true })).some(({ Id }) => Id === id);

  describe('containers', () => {
    test('go when they leave scope, unless they are kept; one that is gone already is fine', async () => {
      let gone: OwnedContainer;
      let kept: OwnedContainer;
      {
        await using first = await shell('sleep 1000', { labels: { a: 'b' }, env: { NAME: 'value' } });
        await using second = await engine.containers.create({ image, command: forever });
        await using third = await shell('true');
        await third.wait();
        await third.remove();
        const { Config: config } = await first.inspect();
        assert.deepEqual([config.Labels['a'], config.Env.includes('NAME=value')], ['b', true]);
        second.keep();
        [gone, kept] = [first, second];
      }
      assert.deepEqual([await isThere(gone), await isThere(kept)], [false, true]);
      const found = await engine.containers.get(kept.name);
      assert.equal(found.id, kept.id);
      assert.equal(Symbol.asyncDispose in found, false);
      await found.remove();
    });

    test('that do not start are not left behind', async () => {
      await assert.rejects(engine.run({ image, command: ['/no/such/program'], name: 'unstarted' }));
      await assert.rejects(engine.containers.get('unstarted'), { kind: 'not-found' });
      await assert.rejects(engine.run({ image: 'no-such-image', pull: 'never' }), { kind: 'not-found', code: 'IMAGE_NOT_FOUND' });
      await assert.rejects(engine.run({ image, command: forever, signal: AbortSignal.abort('no') }), { kind: 'cancelled' });
      assert.deepEqual(await engine.containers.list({ all: true }), []);
    });

    test('run to their end with input, both outputs and code, and are gone then', async () => {
      const result = await engine.runToEnd({
        image,
        command: ['sh', '-c', 'cat; echo bad >&2; exit 5'],
        input: (async function* () {
          yield 'one ';
          yield Buffer.from('two');
        })(),
      });
      assert.deepEqual(result, { exitCode: 5, stdout: 'one two', stderr: 'bad\n' });
      await assert.rejects(engine.runToEnd({ image, command: ['sh', '-c', 'echo why >&2; exit 9'], check: true }), {
        kind: 'failed-precondition',
        message: /ended with 9: why/,
      });
      assert.deepEqual(await engine.containers.list({ all: true }), []);
    });

    test('of the system kind are launched, and go like all others', async () => {
      await using leased = await engine.lease();
      const machine = await leased.launch({ source: 'busybox:system', network: 'none' });
      assert.equal((await machine.exec(['cat', '/proc/1/comm'])).stdout, 'init\n');
      await leased.close();
      assert.deepEqual(await engine.containers.list({ all: true }), []);
    });

    test('take a large input and give a large output without loss', async () => {
      const input = Buffer.alloc(8 * 1024 * 1024, 'abcdefg\n');
      const { stdout } = await engine.runToEnd({ image, command: ['cat'], input, network: 'none' });
      assert.equal(stdout.length, input.length);
      assert.equal(stdout === input.toString(), true);
    });
  });

  test('a process has its streams apart, takes signals, and goes with its scope', async () => {
    await using container = await shell('sleep 1000');
    const processes = async (): Promise<string> => (await container.exec(['ps', '-o', 'args'])).stdout;
    {
      await using echo = await container.spawn(['sh', '-c', 'read a; echo "out $a"; echo "err $a" >&2; read b; exit 4'], { stdin: true });
      await echo.stdin.write('x\n');
      const [out, err] = [text(echo.stdout), text(echo.stderr)];
      await echo.stdin.end();
      assert.deepEqual([await out, await err, await echo.exit], ['out x\n', 'err x\n', 4]);
    }
    const ended = await container.spawn(['sleep', '5001']);
    await ended.kill('TERM');
    assert.equal(await ended.exit, 143);
    await assert.rejects(ended.kill(), { kind: 'conflict' });
    {
      await using left = await container.spawn(['sh', '-c', 'echo up; exec sleep 5002']);
      const { value } = await left.stdout[Symbol.asyncIterator]().next();
      assert.equal(Buffer.from(value ?? []).toString(), 'up\n');
      await until(async () => /sleep 5002/.test(await processes()));
      assert.equal(await Promise.race([left.exit, delay(20, 'runs')]), 'runs');
    }
    assert.doesNotMatch(await processes(), /sleep 5002/);
    const missing = await container.exec(['/no/such/program']);
    assert.equal(missing.exitCode, 127);
    await using ignoring = await container.spawn(['sh', '-c', 'yes | head -c 20000000 >&2; echo done'], { ignore: 'stderr' });
    assert.deepEqual([await text(ignoring.stdout), await ignoring.exit], ['done\n', 0]);
  });

  test('files go in and out, as they are and as archives', async () => {
    await using container = await shell('sleep 1000');
    const { files } = container;
    const long = `/tmp/${'long-'.repeat(40)}name`;
    const content = Buffer.alloc(1_000_003, 'content');
    await files.write(long, content, { mode: 0o750, uid: 12, gid: 34 });
    assert.equal(Buffer.from(await text(files.read(long))).equals(content), true);
    assert.equal((await container.exec(['stat', '-c', '%a %u %g %s', long])).stdout, '750 12 34 1000003\n');
    await files.write('/tmp/empty', '');
    assert.equal(await files.readText('/tmp/empty'), '');
    await files.write(
      '/tmp/pieces',
      (async function* () {
        yield Buffer.from('a');
        yield Buffer.from('b');
      })(),
      { sizeBytes: 2 },
    );
    assert.equal(await files.readText('/tmp/pieces'), 'ab');
    await assert.rejects(files.write('/tmp/short', (async function* () {})(), { sizeBytes: 2 }), { code: 'LIBRARY_WRONG_SIZE' });
    await assert.rejects(files.readText('/tmp'), { kind: 'failed-precondition', code: 'LIBRARY_NOT_A_FILE' });
    await assert.rejects(files.readText('/tmp/nothing'), { kind: 'not-found' });
    await assert.rejects(files.write('/tmp/', 'x'), { kind: 'invalid-argument' });
    await container.exec(['mkdir', '/copy']);
    await files.unpack('/copy', files.pack('/tmp/pieces'));
    assert.equal(await files.readText('/copy/pieces'), 'ab');
    for await (const piece of files.read(long)) {
      assert.equal(piece.length > 0, true);
      break;
    }
  });

  test('waits end with what was waited for, or say why they cannot', async () => {
    await using network = await engine.networks.create();
    const serve = 'echo starting; sleep 0.2; echo >&2 ready; exec httpd -f -p 8080 -h /';
    await using server = await shell(serve, {
      network: network.name,
      ports: [8080],
      health: { command: 'wget -q -O /dev/null http://127.0.0.1:8080/etc/hostname', intervalMs: 100 },
    });
    assert.deepEqual(await server.waitForLog(/^read(y)$/g), { stream: 'stderr', text: 'ready' });
    await server.waitForHealth();
    const published = await server.waitForPort(8080);
    assert.deepEqual(published, await server.port(8080));
    assert.equal(await (await fetch(`http://${published.address}:${published.port}/etc/hostname`)).text(), `${server.id.slice(0, 12)}\n`);
    await assert.rejects(server.port(9090), { kind: 'not-found' });
    await assert.rejects(server.waitForPort(9090, { timeoutMs: 100 }), { kind: 'deadline-exceeded' });
    await assert.rejects(server.waitForLog('never said', { timeoutMs: 100 }), { kind: 'deadline-exceeded' });
    assert.match(await server.address(network.name), /^\d+\.\d+\.\d+\.\d+$/);

    await using failing = await shell('echo last words; exit 3');
    await assert.rejects(failing.waitForLog('never said'), { kind: 'failed-precondition', message: /ended with 3.*last words/s });
    await assert.rejects(failing.waitForPort(80), { kind: 'failed-precondition', message: /last words/ });
    await assert.rejects(failing.waitForHealth(), { code: 'LIBRARY_NO_HEALTH_CHECK' });
    await using unwell = await shell('sleep 1000', { health: { command: 'echo too bad; false', intervalMs: 50, retries: 2 } });
    await assert.rejects(unwell.waitForHealth(), { code: 'LIBRARY_UNHEALTHY', message: /too bad/ });
  });

  test('networks and volumes go when they leave scope; what somebody else made is not taken for new', async () => {
    await using kept = await engine.volumes.create({ name: 'precious' });
    {
      await using network = await engine.networks.create({ subnet: '10.213.7.0/24', internal: true });
      await using volume = await engine.volumes.create();
      await using one = await shell('sleep 1000', {
        network: network.name,
        mounts: [{ type: 'volume', source: volume.name, target: '/v' }],
      });
      assert.match(await one.address(), /^10\.213\.7\./);
      await assert.rejects(volume.remove(), { kind: 'conflict' });
      await assert.rejects(engine.volumes.create({ name: kept.name }), { kind: 'already-exists' });
    }
    assert.deepEqual(
      (await engine.volumes.list()).map(({ Name }) => Name),
      ['precious'],
    );
    assert.equal((await engine.networks.list()).length, 3);
  });

  test('a signal ends each stream and each wait at once, and nothing stays open', async () => {
    await using container = await shell('sleep 1000');
    const calls: Readonly<Record<string, (signal: AbortSignal) => Promise<unknown>>> = {
      logs: (signal) => drain(container.logs({ follow: true, signal })),
      stats: (signal) => drain(container.stats({ signal })),
      events: (signal) => drain(engine.events({ signal })),
      wait: (signal) => container.wait({ signal }),
      exec: (signal) => container.exec(['sleep', '6000'], { signal }),
      'spawn, read': async (signal) => drain((await container.spawn(['sleep', '6000'], { signal })).stdout),
      'spawn, exit': async (signal) => (await container.spawn(['sleep', '6000'], { signal })).exit,
      attach: async (signal) => (await container.attach({ signal })).exit,
      runToEnd: (signal) => engine.runToEnd({ image, command: forever, network: 'none', signal }),
      waitForLog: (signal) => container.waitForLog('never', { signal }),
      waitForHealth: async (signal) => {
        await using slow = await shell('sleep 1000', { health: { command: 'true', intervalMs: 3_600_000 } });
        await slow.waitForHealth({ signal });
      },
      'an input that never ends': (signal) => container.files.unpack('/tmp', endless(), { signal }),
    };
    for (const [name, call] of Object.entries(calls)) {
      const controller = new AbortController();
      const outcome = call(controller.signal);
      const first = await Promise.race([outcome.catch((error: unknown) => error), delay(150, 'runs')]);
      assert.equal(first, 'runs', name);
      controller.abort(new Error('enough'));
      await assert.rejects(outcome, { kind: 'cancelled' }, name);
      await assert.rejects(call(AbortSignal.abort()), { kind: 'cancelled' }, `${name}, before`);
    }
    assert.doesNotMatch((await container.exec(['ps'])).stdout, /sleep 6000/);
    assert.equal((await engine.containers.list({ all: true })).length, 1);
  });
});

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) {
    await delay(5);
    yield new Uint8Array(0);
  }
}
