import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { leaseLabel } from '#wire';
import { openTestEngine, whyNoEngine, type TestEngine } from '../fixtures/test-engine.ts';

describe('leases', { skip: whyNoEngine() }, () => {
  let bench: TestEngine;
  before(async () => void (bench = await openTestEngine()));
  after(async () => bench[Symbol.asyncDispose]());

  const sleep = ['sleep', '1000'];
  const labelled = (id: string) => ({ labels: { [leaseLabel]: id } });
  const names = () => ({
    containers: bench.engine.containers.list({ all: true }).map(({ id }) => id),
    volumes: bench.engine.volumes.list().map(({ name }) => name),
    networks: bench.engine.networks.list({}).flatMap(({ name, isBuiltIn }) => (isBuiltIn ? [] : [name])),
  });
  const isGone = async (lease: string): Promise<void> => {
    while (bench.engine.leases.list().some(({ id }) => id === lease)) await delay(5);
  };

  test('what belongs to one goes with its last holder, running or not; the rest stays', async () => {
    const { engine } = bench;
    const hold = engine.leases.hold({});
    assert.equal(hold.isNew, true);
    const other = engine.leases.hold({ id: hold.id });
    assert.equal(other.isNew, false);
    const running = await bench.run(sleep, labelled(hold.id));
    const made = await bench.create(sleep, labelled(hold.id));
    const free = await bench.create(sleep);
    await engine.volumes.create({ name: 'leased', ...labelled(hold.id) });
    await engine.volumes.create({ name: 'free' });
    const { id: network } = await engine.networks.create({ name: 'leased', ...labelled(hold.id) });
    assert.deepEqual(engine.leases.list(), [
      { id: hold.id, holders: 2, isEnding: false, containers: [running, made], networks: [network], volumes: ['leased'] },
    ]);
    hold.release();
    hold.release();
    assert.equal(engine.leases.list()[0]?.holders, 1);
    other.release();
    await isGone(hold.id);
    assert.deepEqual(names(), { containers: [free], volumes: ['free'], networks: [] });
    await assert.rejects(bench.create(sleep, labelled(hold.id)), { kind: 'failed-precondition', code: 'ENGINE_LEASE_NOT_HELD' });
    await engine.containers.remove(free, {});
    await engine.volumes.remove('free');
  });

  test('one with a grace waits for the next holder', async () => {
    const { leases } = bench.engine;
    const hold = leases.hold({ graceMs: 60_000 });
    const id = await bench.create(sleep, labelled(hold.id));
    hold.release();
    const again = leases.hold({ id: hold.id, graceMs: 0 });
    assert.deepEqual([again.isNew, names().containers], [false, [id]]);
    again.release();
    await isGone(hold.id);
    assert.deepEqual(names().containers, []);
  });

  test('an end waits for what is being created, and lets nothing more in', async () => {
    const { leases } = bench.engine;
    const { id } = leases.hold({});
    const creating = bench.create(sleep, labelled(id));
    const ended = leases.end(id);
    await assert.rejects(bench.create(sleep, labelled(id)), { kind: 'conflict', code: 'ENGINE_LEASE_ENDING' });
    assert.throws(() => leases.hold({ id }), { kind: 'conflict', code: 'ENGINE_LEASE_ENDING' });
    await creating;
    await ended;
    assert.deepEqual(names().containers, []);
    await assert.rejects(leases.end(id), { kind: 'not-found' });
  });

  test('what others use is named and stays until they are gone', async () => {
    const { engine } = bench;
    const { id } = engine.leases.hold({});
    await engine.volumes.create({ name: 'shared', ...labelled(id) });
    const user = await bench.create(sleep, { mounts: [{ type: 'volume', source: 'shared', target: '/v' }] });
    const leased = await bench.create(sleep, labelled(id));
    await assert.rejects(engine.leases.end(id), { kind: 'conflict', message: /volume shared/ });
    assert.equal(
      names().containers.some((one) => String(one) === leased),
      false,
    );
    await engine.containers.remove(user, {});
    await engine.leases.end(id);
    assert.deepEqual(names(), { containers: [], volumes: [], networks: [] });
  });

  test('the next engine knows them by what belongs to them, and waits for who held them', async () => {
    const { id } = bench.engine.leases.hold({});
    const running = await bench.run(sleep, labelled(id));
    const empty = bench.engine.leases.hold({});
    await bench.reopen();
    const { leases } = bench.engine;
    assert.deepEqual(
      leases.list().map((lease) => [lease.id, lease.holders, lease.containers]),
      [[id, 0, [running]]],
    );
    assert.equal(leases.hold({ id: empty.id }).isNew, true);
    const hold = leases.hold({ id });
    assert.equal(hold.isNew, false);
    hold.release();
    await isGone(id);
    assert.deepEqual(names().containers, []);
  });

  test("labels of images bind nothing, and ids are the engine's own", async () => {
    const { leases, archives } = bench.engine;
    const { id } = leases.hold({});
    const made = await bench.create(sleep);
    await archives.commit(made, { name: 'labelled:1', changes: [`LABEL ${leaseLabel}=${id}`] });
    const fromImage = await bench.create(sleep, { image: 'labelled:1' });
    await leases.end(id);
    assert.deepEqual(names().containers.sort(), [made, fromImage].sort());
    for (const bad of ['', '../..', 'A'.repeat(32)]) assert.throws(() => leases.hold({ id: bad }), { kind: 'invalid-argument' });
    assert.throws(() => leases.hold({ graceMs: 1e12 }), { kind: 'invalid-argument' });
  });
});
