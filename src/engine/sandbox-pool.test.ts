import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { isAlive, readProcessStat } from '#sys';
import { openTestEngine, whyNoEngine, type TestEngine } from './fixtures/test-engine.ts';
import { assertNothingLeft, cgroupsOf, processesOf, until } from './fixtures/traces.ts';

describe('sandboxes that are kept ready', { skip: whyNoEngine(), timeout: 120_000 }, () => {
  async function open(t: TestContext, sandboxesReady: number): Promise<TestEngine> {
    const host = await openTestEngine({ sandboxesReady });
    t.after(async () => {
      await host[Symbol.asyncDispose]();
      await assertNothingLeft(host.traces);
    });
    return host;
  }

  /** Waits until as many are parked as should be. */
  async function whenFull(host: TestEngine, count: number): Promise<number[]> {
    await until(() => processesOf(host.traces).length === count);
    return processesOf(host.traces);
  }

  test('are used for starts, and made again', async (t) => {
    const host = await open(t, 2);
    const parked = await whenFull(host, 2);
    const id = await host.run(['sleep', '1000']);
    const { pid } = host.engine.containers.inspect(id);
    assert.ok(parked.includes(pid), `${pid} is none of ${parked.join(', ')}`);
    await whenFull(host, 3);
    await host.engine.containers.remove(id, { force: true });
    await whenFull(host, 2);
    assert.deepEqual(host.complaints, []);
  });

  test('that died are passed over: the start succeeds all the same, and others take their place', async (t) => {
    const host = await open(t, 2);
    const parked = await whenFull(host, 2);
    // Their parents are their monitors: these are ours to kill.
    const monitors = parked.map((pid) => readProcessStat(pid).parent);
    for (const monitor of monitors) process.kill(monitor, 'SIGKILL');
    await until(() => [...parked, ...monitors].every((pid) => !isAlive(pid)));
    // Their closed sockets are there to be read: a few turns of the event loop tell the pool.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    const id = await host.run(['sh', '-c', 'exit 3']);
    assert.equal(await host.exitCode(id), 3);
    const healed = await whenFull(host, 2);
    assert.ok(healed.every((pid) => !parked.includes(pid)));
    await until(() => cgroupsOf(host.traces).length === 2);
    await host.engine.containers.remove(id, {});
  });

  test('do for as many starts at once as are asked for', async (t) => {
    const host = await open(t, 1);
    const ids = await Promise.all(Array.from({ length: 6 }, (_, index) => host.run(['sh', '-c', `exit ${index}`])));
    assert.deepEqual(await Promise.all(ids.map((id) => host.exitCode(id))), [0, 1, 2, 3, 4, 5]);
    assert.deepEqual(host.complaints, []);
  });

  test('are none when none are wanted', async (t) => {
    const host = await open(t, 0);
    const id = await host.run(['true']);
    await host.exitCode(id);
    assert.deepEqual(cgroupsOf(host.traces), []);
  });

  test('go with the engine, also those that were still being made', async (t) => {
    const host = await open(t, 3);
    await host.reopen();
    await host.reopen();
    assert.deepEqual(host.complaints, []);
  });

  test('are not needed for containers that share namespaces of the host', async (t) => {
    const host = await open(t, 1);
    await whenFull(host, 1);
    for (const request of [{ network: 'host' }, { userNamespace: 'host' }, { privileged: true }] as const) {
      const id = await host.run(['sh', '-c', 'read -r inside outside count < /proc/self/uid_map; echo $inside $outside'], request);
      assert.equal(await host.exitCode(id), 0);
      assert.equal(await host.output(id), '0 0\n', JSON.stringify(request));
      await host.engine.containers.remove(id, {});
    }
  });
});
