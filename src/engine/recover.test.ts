import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test, type TestContext } from 'node:test';
import { isAlive, readProcessStat, type ExitRecord } from '#sys';
import { initialState } from './container/record.ts';
import { endOfRun } from './recover.ts';
import { recordWith } from './fixtures/records.ts';
import { readAttached } from './fixtures/attached.ts';
import { never, openTestEngine, whyNoEngine, type TestEngine } from './fixtures/test-engine.ts';
import { assertNothingLeft, cgroupsOf, until } from './fixtures/traces.ts';

/** What is killed in the middle is tried in tests/system: here one engine closes and another opens. */
describe('the next engine', { skip: whyNoEngine(), timeout: 120_000 }, () => {
  async function open(t: TestContext): Promise<TestEngine> {
    const host = await openTestEngine({ sandboxesReady: 1 });
    t.after(async () => {
      await host[Symbol.asyncDispose]();
      await assertNothingLeft(host.traces);
    });
    return host;
  }

  test('takes up what runs: it can be looked at, attached to, entered, stopped and removed', async (t) => {
    const host = await open(t);
    const id = await host.run(['sh', '-c', 'trap "exit 5" TERM; echo ready; while read line; do echo got $line; done'], {
      openStdin: true,
      name: 'lasting',
    });
    await host.firstOutput(id);
    const before = host.engine.containers.inspect(id);
    await host.reopen();
    assert.deepEqual(host.engine.containers.inspect(id), before);
    assert.ok(isAlive(before.pid));
    const attached = await host.engine.containers.attach(id, { stdin: true, stdout: true, stderr: true });
    attached.stream.write('mail\n');
    const [frame] = (await once(attached.stream, 'data')) as [Buffer];
    assert.equal(frame.subarray(8).toString(), 'got mail\n');
    attached.stream.destroy();
    const request = { command: ['cat', '/proc/1/comm'], terminal: false, attachStdin: false, attachStdout: true, attachStderr: true };
    const inside = await host.engine.execs.start(host.engine.execs.create(id, request), { detach: false });
    assert.ok(inside !== null);
    assert.equal((await readAttached(inside)).stdout, 'sh\n');
    await host.engine.containers.remove(id, { force: true });
    assert.ok(!isAlive(before.pid));
    assert.deepEqual(host.complaints, []);
  });

  test('knows a paused one as paused', async (t) => {
    const host = await open(t);
    const id = await host.run(['sleep', '1000']);
    await host.engine.containers.pause(id);
    await host.reopen();
    assert.equal(host.engine.containers.inspect(id).status, 'paused');
    await host.engine.containers.unpause(id);
    assert.equal(host.engine.containers.inspect(id).status, 'running');
  });

  test('writes down an end that nobody saw, with its code', async (t) => {
    const host = await open(t);
    const id = await host.run(['sh', '-c', 'read line; exit 42'], { openStdin: true });
    const attached = await host.engine.containers.attach(id, { stdin: true, stdout: false, stderr: false });
    const { pid } = host.engine.containers.inspect(id);
    const reopened = host.reopen();
    attached.stream.write('now\n');
    await reopened;
    await until(() => !isAlive(pid));
    assert.deepEqual(await host.engine.containers.wait(id, 'not-running', never), { exitCode: 42 });
    attached.stream.destroy();
  });

  test('is told when the monitor itself was killed: the code is unknown, the container can be started again', async (t) => {
    const host = await open(t);
    const id = await host.run(['sleep', '1000']);
    const { pid } = host.engine.containers.inspect(id);
    process.kill(readProcessStat(pid).parent, 'SIGKILL');
    const { exitCode, error } = await host.engine.containers.wait(id, 'not-running', never);
    assert.equal(exitCode, 255);
    assert.match(error ?? '', /seen by nobody/);
    await until(() => !isAlive(pid));
    assert.equal(await host.engine.containers.start(id), true);
    await host.engine.containers.remove(id, { force: true });
  });

  test('keeps what never ran and what has ended as they were', async (t) => {
    const host = await open(t);
    const ids = [await host.create(['true'], { labels: { createdAtNs: 'soon' } }), await host.run(['sh', '-c', 'echo said; exit 9'])];
    await host.exitCode(ids[1] ?? '');
    const views = ids.map((id) => host.engine.containers.inspect(id));
    await host.reopen();
    assert.deepEqual(
      ids.map((id) => host.engine.containers.inspect(id)),
      views,
    );
    assert.equal(await host.output(ids[1] ?? ''), 'said\n');
    assert.deepEqual(host.complaints, []);
  });

  test('removes at its end what was to be removed then', async (t) => {
    const host = await open(t);
    const id = await host.run(['sh', '-c', 'trap "exit 0" TERM; echo ready; while :; do sleep 0.02; done'], { autoRemove: true });
    await host.firstOutput(id);
    await host.reopen();
    const removed = host.engine.containers.wait(id, 'removed', never);
    await host.engine.containers.stop(id, { timeoutS: -1 });
    await removed;
    assert.deepEqual(host.engine.containers.list({ all: true }), []);
  });

  test('gives no range of ids away that a running container has', async (t) => {
    const host = await open(t);
    const range = async (): Promise<string> => {
      const id = await host.run(['sh', '-c', 'read -r line < /proc/self/uid_map; echo $line; sleep 1000']);
      return host.firstOutput(id);
    };
    const first = await range();
    await host.reopen();
    const others = [await range(), await range()];
    assert.equal(new Set([first, ...others]).size, 3);
    assert.ok(cgroupsOf(host.traces).length >= 3);
  });

  test('removes what was to be removed at its end and was never started', async (t) => {
    const host = await open(t);
    const made = await host.create(['true'], { autoRemove: true });
    const kept = await host.create(['true']);
    await host.reopen();
    assert.deepEqual(
      host.engine.containers.list({ all: true }).map(({ id }) => id),
      [kept],
    );
    assert.throws(() => host.engine.containers.inspect(made), { kind: 'not-found' });
  });

  test('starts a container that goes at its end again when that is asked for', async (t) => {
    const host = await open(t);
    const id = await host.run(['sh', '-c', 'echo run >>/ran; cat /ran; sleep 1000'], { autoRemove: true });
    await host.engine.containers.restart(id, { timeoutS: 0 });
    assert.equal(host.engine.containers.inspect(id).status, 'running');
    const removed = host.engine.containers.wait(id, 'removed', never);
    await host.engine.containers.stop(id, { timeoutS: 0 });
    await removed;
  });
});

test('after a power cut the exit record of an earlier run is none of this one', () => {
  const ranAt = (startedAtNs: bigint, finishedAtNs: bigint) => recordWith({ state: { ...initialState, startedAtNs, finishedAtNs } });
  const exit = { exitCode: 0, signal: null, finishedAtNs: 50n } as ExitRecord;
  assert.equal(endOfRun(ranAt(40n, 0n), exit, true), exit);
  assert.equal(endOfRun(ranAt(60n, 0n), exit, true), null);
  assert.equal(endOfRun(ranAt(40n, 50n), exit, true), null);
  assert.equal(endOfRun(ranAt(60n, 0n), exit, false), exit);
});
