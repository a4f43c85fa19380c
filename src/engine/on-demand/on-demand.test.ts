import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { askPort as ask } from '../fixtures/ask-port.ts';
import { recordWith, requestWith } from '../fixtures/records.ts';
import { openTestEngine, whyNoEngine, type TestEngine } from '../fixtures/test-engine.ts';
import type { CreateRequest } from '../model.ts';
import { idleMsOf, useOf } from './idle.ts';
import { servedPorts } from './served.ts';

test('what goes on, or has come and gone since the last look, is use', () => {
  const open = { id: 'a', isOver: false };
  const over = { id: 'a', isOver: true };
  const first = useOf(undefined, [], false, 1_000);
  assert.equal(first.lastMs, 1_000, 'a start is use');
  const busy = useOf(first, [open], false, 2_000);
  assert.equal(busy.lastMs, 2_000);
  const ended = useOf(busy, [over], false, 3_000);
  assert.equal(ended.lastMs, 2_000, 'what the kernel only remembers is none');
  assert.equal(useOf(ended, [over, { id: 'b', isOver: true }], false, 4_000).lastMs, 4_000, 'one that was never seen open is');
  assert.equal(useOf(ended, [], true, 5_000).lastMs, 5_000, 'so is somebody who works in it');
});

test('the ports that are served are read from the tables of the kernel', () => {
  const table = `  sl  local_address rem_address   st tx_queue
   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000
   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000
   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000`;
  assert.deepEqual([...servedPorts(table, '0A')], [0x50, 0x1bb]);
  assert.deepEqual([...servedPorts(table, null)], [0x50, 0x1f90, 0x1bb]);
});

test('ten minutes is the usual time, and none is for ever', () => {
  const idle = (settings: Record<string, string>): number | null => idleMsOf(recordWith({ request: requestWith({ settings }) }));
  assert.deepEqual([idle({}), idle({ 'boot.idle': '90s' }), idle({ 'boot.idle': '0s' })], [600_000, 90_000, null]);
});

describe('containers on demand', { skip: whyNoEngine() }, () => {
  let bench: TestEngine;
  before(async () => void (bench = await openTestEngine()));
  after(() => bench[Symbol.asyncDispose]());
  const sleeping = async (
    settings: Record<string, string> = {},
    more: Partial<CreateRequest> = {},
  ): Promise<{ id: string; port: number }> => {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as AddressInfo;
    probe.close();
    const id = await bench.create(['nc', '-ll', '-p', '80', '-e', 'sh', '-c', 'read line; echo pong'], {
      network: 'bridge',
      stopTimeoutS: 0,
      ports: [{ containerPort: 80, protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: { first: port, last: port } }],
      settings: { 'boot.on-demand': 'true', 'boot.idle': '0s', ...settings },
      ...more,
    });
    return { id, port };
  };
  const status = (id: string): string => bench.engine.containers.inspect(id).status;
  const until = async (holds: () => boolean): Promise<void> => {
    for (const deadline = Date.now() + 30_000; !holds(); await delay(20)) assert.ok(Date.now() < deadline);
  };

  test('the first connections start it once, and are answered; later ones go to it', async () => {
    const { id, port } = await sleeping();
    assert.equal(status(id), 'created');
    assert.deepEqual(await Promise.all([ask(port), ask(port), ask(port)]), ['pong', 'pong', 'pong']);
    assert.equal(status(id), 'running');
    assert.equal(await ask(port), 'pong');
    await bench.engine.containers.stop(id, {});
    assert.equal(await ask(port), 'pong', 'it starts again');
    await bench.engine.containers.remove(id, { force: true });
    assert.equal(await ask(port), '', 'nobody listens for what is gone');
  });

  test('who comes while no engine runs, or while it stops, waits', async () => {
    const { id, port } = await sleeping();
    const early: Promise<string>[] = [];
    await bench.reopen(() => void early.push(ask(port)));
    assert.deepEqual(await Promise.all(early), ['pong']);
    await bench.reopen();
    assert.equal(await ask(port), 'pong', 'an engine that takes it up running leads to it');
    const stopped = bench.engine.containers.stop(id, { timeoutS: 1 });
    const during = ask(port);
    await stopped;
    assert.equal(await during, 'pong');
    await bench.engine.containers.remove(id, { force: true });
  });

  test('a start that fails turns who waits away, and says why', async () => {
    const { id, port } = await sleeping({}, { command: ['/no-such-program'] });
    const heard: string[] = [];
    const listening = new AbortController();
    const events = (async () => {
      for await (const { action } of bench.engine.events({}, listening.signal)) heard.push(action);
    })().catch(() => undefined);
    assert.equal(await ask(port), '');
    await until(() => bench.engine.containers.inspect(id).error !== '');
    assert.match(bench.engine.containers.inspect(id).error, /no-such-program/);
    assert.equal(bench.engine.containers.inspect(id).waitsForConnections, true);
    assert.equal(await ask(port), '', 'the next one tries again');
    await until(() => heard.filter((action) => action === 'wake-failed').length >= 2).catch(() => assert.fail(heard.join(' ')));
    listening.abort();
    await events;
    await bench.engine.containers.remove(id, { force: true });
  });

  test('it is stopped once nobody has come for as long as it says, and not while somebody is connected or works in it', async () => {
    const { id, port } = await sleeping({ 'boot.idle': '1s' });
    const held = connect({ host: '127.0.0.1', port });
    await until(() => status(id) === 'running');
    assert.equal(await ask(port), 'pong', 'one that comes while its server begins to listen is answered, too');
    const again = connect({ host: '127.0.0.1', port });
    await once(again, 'connect');
    held.destroy();
    await delay(2_500);
    assert.equal(status(id), 'running', 'a connection keeps it awake');
    again.destroy();
    await until(() => status(id) === 'exited');
    assert.equal(await ask(port), 'pong');
    await bench.engine.containers.remove(id, { force: true });
  });

  test('other ports are listened on at once, and none when it is not on demand any more', async () => {
    const { id, port } = await sleeping();
    const other = await sleeping();
    await bench.engine.containers.remove(other.id, {});
    await bench.engine.settings.change(id, { set: { ports: `127.0.0.1:${other.port}:80` } });
    assert.equal(await ask(port), '');
    assert.equal(await ask(other.port), 'pong');
    await bench.engine.containers.stop(id, {});
    await bench.engine.settings.change(id, { set: { 'boot.on-demand': 'false' } });
    assert.equal(await ask(other.port), '');
    await assert.rejects(bench.engine.settings.change(id, { set: { 'boot.on-demand': 'true' }, unset: ['ports'] }), {
      code: 'SETTING_REFUSED',
    });
    await bench.engine.containers.remove(id, {});
  });
});
