import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { connect, type Engine } from '#library';
import { runCommand, startEngine, whyNot, type TestEngine } from './harness.ts';
import { startLibraryProgram, type LibraryProgram } from './library-programs.ts';

/** Makes a container, a network and a volume under a lease, says which lease, and stays. */
const leasing = `
const engine = orlop.connect({ lease: true });
const network = await engine.networks.create();
const volume = await engine.volumes.create();
await engine.run({ image: 'busybox', command: ['sleep', '100000'], network: network.name, mounts: [{ type: 'volume', source: volume.name, target: '/v' }] });
console.log(await engine.leaseId());
setInterval(() => {}, 60_000);
`;

describe('leases of the library', { skip: whyNot() }, () => {
  let daemon: TestEngine;
  let engine: Engine;
  before(async () => {
    daemon = await startEngine();
    await daemon.must('template', 'build', 'busybox');
    engine = connect({ host: daemon.host });
  });
  after(async () => {
    await engine.close();
    await daemon[Symbol.asyncDispose]();
  });

  const start = (text = leasing): LibraryProgram => startLibraryProgram(text, { ORLOP_HOST: daemon.host });
  const counts = async (): Promise<number[]> => [
    (await engine.containers.list({ all: true })).length,
    (await engine.networks.list()).length - 3,
    (await engine.volumes.list()).length,
  ];
  const leaseOf = async (id: string) => (await engine.client.leases.list()).find((lease) => lease.id === id);
  const until = async (is: () => Promise<boolean>): Promise<void> => {
    while (!(await is())) await delay(20);
  };
  const nothingLeft = async (id: string): Promise<void> => {
    await until(async () => (await leaseOf(id)) === undefined);
    assert.deepEqual(await counts(), [0, 0, 0]);
  };

  test('a client that is killed takes with it what it made', async () => {
    const program = start();
    const id = await program.line();
    assert.deepEqual(await counts(), [1, 1, 1]);
    await program.kill();
    await nothingLeft(id);
  });

  test('clients that are killed at any moment while they create leave nothing', async () => {
    const creating = `
      const engine = orlop.connect({ lease: true });
      await engine.leaseId();
      console.log('begins');
      for (;;) await Promise.all([engine.run({ image: 'busybox', command: ['sleep', '100000'] }), engine.networks.create(), engine.volumes.create()]);
    `;
    const programs = Array.from({ length: 6 }, () => start(creating));
    await Promise.all(
      programs.map(async (program, place) => {
        await program.line();
        await delay(place * 37);
        await program.kill();
      }),
    );
    await until(async () => (await engine.client.leases.list()).length === 0);
    assert.deepEqual(await counts(), [0, 0, 0]);
  });

  test('a client that ends without a word does too, and is not kept alive by its lease', async () => {
    const program = start(leasing.replace(/setInterval.*/, ''));
    const id = await program.line();
    assert.equal(await program.ended(), 0);
    await nothingLeft(id);
  });

  test('closing resolves when all is gone, and what others made stays', async () => {
    await using other = await engine.containers.create({ image: 'busybox' });
    const leased = await engine.lease();
    const made = await leased.run({ image: 'busybox', command: ['sleep', '1000'] });
    await using outer = await leased.lease();
    const inner = await outer.containers.create({ image: 'busybox' });
    await leased.close();
    assert.deepEqual((await engine.containers.list({ all: true })).map(({ Id }) => Id).sort(), [other.id, inner.id].sort());
    await assert.rejects(leased.containers.create({ image: 'busybox' }), { code: 'LIBRARY_LEASE_OVER' });
    await made[Symbol.asyncDispose]();
  });

  test('processes that hold one together keep it until the last', async () => {
    const first = start();
    const id = await first.line();
    const second = start(`
      const engine = orlop.connect({ lease: { id: '${id}' } });
      await engine.containers.create({ image: 'busybox' });
      console.log('holds');
      setInterval(() => {}, 60_000);
    `);
    await second.line();
    assert.equal((await leaseOf(id))?.holders, 2);
    await first.kill();
    await until(async () => (await leaseOf(id))?.holders === 1);
    assert.deepEqual(await counts(), [2, 1, 1]);
    await second.kill();
    await nothingLeft(id);
  });

  test('a lease outlives an engine that is killed, as its client holds it again', async () => {
    const program = start();
    const id = await program.line();
    await daemon.kill();
    await daemon.start();
    await until(async () => (await leaseOf(id))?.holders === 1);
    assert.deepEqual(await counts(), [1, 1, 1]);
    assert.equal((await engine.containers.list()).length, 1);
    await program.kill();
    await nothingLeft(id);
  });

  test('a lease outlives an engine that is stopped', async () => {
    const program = start();
    const id = await program.line();
    process.kill(daemon.pid(), 'SIGTERM');
    await until(
      async () =>
        !(await engine.client.ping().then(
          () => true,
          () => false,
        )),
    );
    await daemon.kill();
    await daemon.start();
    assert.equal((await engine.containers.list()).length, 1);
    await until(async () => (await leaseOf(id))?.holders === 1);
    await program.kill();
    await nothingLeft(id);
  });

  test('a client that dies while no engine runs is waited for, then cleared', async () => {
    const program = start();
    const id = await program.line();
    await daemon.kill();
    await program.kill();
    await daemon.start();
    assert.equal((await leaseOf(id))?.holders, 0);
    assert.deepEqual(await counts(), [1, 1, 1]);
    await nothingLeft(id);
  });

  test('a lease that is being cleared when the engine is killed is cleared by the next', async () => {
    const program = start();
    const id = await program.line();
    program.child.kill('SIGKILL');
    await daemon.kill();
    await daemon.start();
    await nothingLeft(id);
  });

  test("docker's client works under one by a header of its configuration", async (t) => {
    if ((await runCommand('sh', ['-c', 'command -v docker'])).code !== 0) return t.skip('needs docker');
    const held = await engine.client.leases.hold();
    const config = join(daemon.root, 'docker');
    mkdirSync(config);
    writeFileSync(join(config, 'config.json'), JSON.stringify({ HttpHeaders: { 'Orlop-Lease': held.id } }));
    const docker = (...args: string[]) => runCommand('docker', ['--config', config, '-H', daemon.host, ...args]);
    for (const args of [
      ['run', '-d', 'busybox', 'sleep', '1000'],
      ['network', 'create', 'n'],
      ['volume', 'create', 'vol'],
    ]) {
      const { code, stderr } = await docker(...args);
      assert.equal(code, 0, stderr);
    }
    assert.deepEqual(await counts(), [1, 1, 1]);
    held.release();
    await nothingLeft(held.id);
    const refused = await docker('create', 'busybox');
    assert.match(refused.stderr, /no such lease/);
  });
});
