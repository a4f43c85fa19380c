import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { readAttached } from './fixtures/attached.ts';
import { never, openTestEngine, whyNoEngine, type TestEngine } from './fixtures/test-engine.ts';
import { assertNothingLeft } from './fixtures/traces.ts';

const output = { stdin: false, stdout: true, stderr: true };
const everything = { stdin: true, stdout: true, stderr: true };

describe('attaching', { skip: whyNoEngine(), timeout: 120_000 }, () => {
  let host: TestEngine;
  before(async () => {
    host = await openTestEngine();
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    await assertNothingLeft(host.traces);
    assert.deepEqual(host.complaints, []);
  });

  test('before the start misses nothing, however much there is', async () => {
    const id = await host.create(['sh', '-c', 'seq 1 20000; echo done >&2']);
    const attached = await host.engine.containers.attach(id, output);
    assert.equal(attached.terminal, false);
    const reading = readAttached(attached);
    await host.engine.containers.start(id);
    const { stdout, stderr } = await reading;
    const lines = stdout.split('\n');
    assert.deepEqual([lines.length, lines[0], lines[19_999], stderr], [20_001, '1', '20000', 'done\n']);
    assert.equal(await host.exitCode(id), 0);
    assert.equal(await host.output(id), stdout + stderr);
    await host.engine.containers.remove(id, {});
  });

  test('before the start gives only what was asked for', async () => {
    const id = await host.create(['sh', '-c', 'echo out; echo err >&2']);
    const requests = [output, { ...output, stderr: false }, { ...output, stdout: false }];
    // Each is in its place when its call returns; what it reads comes later.
    const readings = requests.map(async (request) => readAttached(await host.engine.containers.attach(id, request)));
    await host.engine.containers.start(id);
    const said = await Promise.all(readings);
    assert.deepEqual(
      said.map(({ stdout, stderr }) => [stdout, stderr]),
      [
        ['out\n', 'err\n'],
        ['out\n', ''],
        ['', 'err\n'],
      ],
    );
    await host.exitCode(id);
    await host.engine.containers.remove(id, {});
  });

  test('with input is heard, and the end of it ends the process that reads', async () => {
    const id = await host.create(['cat'], { openStdin: true, stdinOnce: true });
    const attached = await host.engine.containers.attach(id, everything);
    const reading = readAttached(attached);
    attached.stream.write('before\n');
    await host.engine.containers.start(id);
    attached.stream.end('after\n');
    assert.equal((await reading).stdout, 'before\nafter\n');
    assert.equal(await host.exitCode(id), 0);
    await host.engine.containers.remove(id, {});
  });

  test('to a container without open input is not heard', async () => {
    const id = await host.create(['cat']);
    const attached = await host.engine.containers.attach(id, everything);
    const reading = readAttached(attached);
    await host.engine.containers.start(id);
    assert.equal((await reading).stdout, '');
    assert.equal(await host.exitCode(id), 0);
    await host.engine.containers.remove(id, {});
  });

  test('to a running container gives what comes from then on', async () => {
    const id = await host.run(['sh', '-c', 'echo early; read line; echo late: $line'], { openStdin: true });
    assert.equal(await host.firstOutput(id), 'early\n');
    const attached = await host.engine.containers.attach(id, everything);
    attached.stream.end('hello\n');
    assert.equal((await readAttached(attached)).stdout, 'late: hello\n');
    await host.exitCode(id);
    await host.engine.containers.remove(id, {});
  });

  test('to a terminal is raw, of the size that was asked for, and can be resized', async () => {
    const script = 'stty size; read line; stty size';
    const id = await host.create(['sh', '-c', script], { terminal: true, openStdin: true, consoleSize: [30, 100] });
    const attached = await host.engine.containers.attach(id, everything);
    assert.equal(attached.terminal, true);
    await host.engine.containers.start(id);
    const [first] = (await once(attached.stream, 'data')) as [Buffer];
    await host.engine.containers.resize(id, 50, 120);
    attached.stream.write('\n');
    const { raw } = await readAttached(attached);
    const sizes = `${first.toString()}${raw}`.match(/\d+ \d+/g);
    assert.deepEqual(sizes, ['30 100', '50 120']);
    await host.exitCode(id);
    await host.engine.containers.remove(id, {});
  });

  test('and leaving before the start does no harm', async () => {
    const id = await host.create(['echo', 'alone']);
    const { stream } = await host.engine.containers.attach(id, output);
    stream.destroy();
    await once(stream, 'close');
    await host.engine.containers.start(id);
    assert.equal(await host.exitCode(id), 0);
    assert.equal(await host.output(id), 'alone\n');
    await host.engine.containers.remove(id, {});
  });

  test('and leaving while it runs does no harm', async () => {
    const id = await host.create(['sh', '-c', 'trap "exit 5" TERM; while :; do echo more; sleep 0.02; done']);
    const { stream } = await host.engine.containers.attach(id, output);
    await host.engine.containers.start(id);
    await once(stream, 'data');
    stream.destroy();
    await host.engine.containers.stop(id, { timeoutS: -1 });
    assert.equal(host.engine.containers.inspect(id).exitCode, 5);
    await host.engine.containers.remove(id, {});
  });

  test('before a start that never comes ends with the removal', async () => {
    const id = await host.create(['true']);
    const { stream } = await host.engine.containers.attach(id, output);
    const ended = once(stream.resume(), 'end');
    await host.engine.containers.remove(id, {});
    await ended;
    stream.destroy();
  });

  test('to what is not there, or frozen, is refused or waits as it must', async () => {
    await assert.rejects(host.engine.containers.attach('nobody', output), (error: unknown) => isOrlopError(error, 'not-found'));
    await assert.rejects(host.engine.containers.resize(await host.create(['true'], { name: 'idle' }), 1, 1), (error: unknown) =>
      isOrlopError(error, 'conflict'),
    );
    await host.engine.containers.remove('idle', {});
  });

  test('following the log from the start gives all of it, to the end', async () => {
    const id = await host.run(['sh', '-c', 'for i in 1 2 3 4 5; do echo $i; sleep 0.01; done; printf end']);
    const request = { follow: true, stdout: true, stderr: true };
    const records = await Array.fromAsync(host.engine.containers.logs(id, request, new AbortController().signal));
    assert.equal(Buffer.concat(records.map((record) => record.data)).toString(), '1\n2\n3\n4\n5\nend');
    await host.engine.containers.remove(id, {});
  });

  test('a client that joins a container for its start and leaves before takes it along if it was to be removed at its end', async () => {
    const kept = await host.create(['true']);
    const going = await host.create(['true'], { autoRemove: true });
    for (const id of [kept, going]) {
      const first = await host.engine.containers.attach(id, output);
      const second = await host.engine.containers.attach(id, output);
      first.stream.destroy();
      await once(first.stream, 'close');
      assert.equal(host.engine.containers.inspect(id).status, 'created');
      const gone = id === going ? host.engine.containers.wait(id, 'removed', never) : null;
      second.stream.destroy();
      await gone;
    }
    assert.equal(host.engine.containers.inspect(kept).status, 'created');
    assert.throws(() => host.engine.containers.inspect(going), { kind: 'not-found' });
    await host.engine.containers.remove(kept, {});
  });
});
