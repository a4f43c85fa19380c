import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { never, openTestEngine, whyNoEngine, type TestEngine } from '../fixtures/test-engine.ts';
import { assertNothingLeft, until } from '../fixtures/traces.ts';

describe('the log of a container', { skip: whyNoEngine(), timeout: 120_000 }, () => {
  let host: TestEngine;
  before(async () => {
    host = await openTestEngine();
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    await assertNothingLeft(host.traces);
    assert.deepEqual(host.complaints, []);
  });

  const count = (to: number): string[] => ['sh', '-c', `i=0; while [ $i -lt ${to} ]; do i=$((i + 1)); echo line $i; done`];
  const counted = (from: number, to: number): string => Array.from({ length: to - from + 1 }, (_, at) => `line ${from + at}\n`).join('');
  const rowOf = (id: string): string[] => readdirSync(join(host.dataRoot, 'containers', id, 'logs')).toSorted();

  test('goes from file to file and keeps as many as it may, over several starts', async () => {
    const id = await host.run(count(100), { logging: { driver: 'json-file', options: { 'max-size': '2k', 'max-file': '4' } } });
    for (let start = 0; start < 3; start++) {
      await host.exitCode(id);
      const said = await host.output(id);
      assert.ok(
        counted(1, 100)
          .repeat(start + 1)
          .endsWith(said),
      );
      assert.ok(said.length > 600);
      const row = rowOf(id);
      assert.ok(row.length <= 5 && row.length > 3, row.join(' '));
      await host.engine.containers.start(id);
    }
    await host.engine.containers.remove(id, { force: true });
  });

  test('of the driver local is plain, packed, and read as any other', async () => {
    const logging = { driver: 'local', options: { 'max-size': '2k', 'max-file': '100' } };
    const id = await host.run(count(300), { logging });
    await host.exitCode(id);
    assert.equal(await host.output(id), counted(1, 300));
    const { logPath, request } = host.engine.containers.inspect(id);
    assert.deepEqual([logPath, request.logging], ['', logging]);
    const last = readFileSync(join(host.dataRoot, 'containers', id, 'logs', 'container.log'), 'utf8');
    assert.match(last, /^\d{4}-\S+Z stdout F line \d+$/m);
    await until(() => rowOf(id).filter((name) => !name.endsWith('.gz')).length === 2);
    assert.equal(await host.output(id), counted(1, 300));
    await host.engine.containers.remove(id, {});
  });

  test('of the driver none is none, and says so at once', async () => {
    const id = await host.run(['echo', 'unheard'], { logging: { driver: 'none', options: {} } });
    await host.exitCode(id);
    assert.deepEqual(rowOf(id), []);
    assert.equal(host.engine.containers.inspect(id).logPath, '');
    assert.throws(
      () => host.engine.containers.logs(id, { follow: false, stdout: true, stderr: true }, never),
      (error) => isOrlopError(error, 'unimplemented') && error.message === 'configured logging driver does not support reading',
    );
    await host.engine.containers.remove(id, {});
  });

  test('tells labels, variables and a tag with each line', async () => {
    const options = { labels: 'tier', env: 'A', tag: '{{.Name}}' };
    const request = { name: 'told', labels: { tier: 'web' }, env: ['A=1', 'B=2'], logging: { driver: 'json-file', options } };
    const id = await host.run(['echo', 'hello'], request);
    await host.exitCode(id);
    const [record] = await Array.fromAsync(host.engine.containers.logs(id, { follow: false, stdout: true, stderr: true }, never));
    assert.deepEqual(record?.attributes, { A: '1', tag: 'told', tier: 'web' });
    await host.engine.containers.remove(id, {});
  });

  test('is refused at its making when it cannot be kept as asked', async () => {
    const earlier = host.engine.containers.list({ all: true }).length;
    for (const logging of [
      { driver: 'syslog', options: {} },
      { driver: 'json-file', options: { foo: 'x' } },
      { driver: '', options: { 'max-size': 'x' } },
    ]) {
      await assert.rejects(host.create(['true'], { logging }), (error) => isOrlopError(error, 'invalid-argument'));
    }
    const labels = { big: 'x'.repeat(9000) };
    await assert.rejects(host.create(['true'], { labels, logging: { driver: '', options: { labels: 'big' } } }), {
      code: 'ENGINE_LOG_ATTRIBUTES_TOO_LONG',
    });
    assert.equal(host.engine.containers.list({ all: true }).length, earlier);
  });

  test('that is followed over many files loses and repeats nothing', async () => {
    const script = 'read go; i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); echo line $i; [ $((i % 50)) = 0 ] && sleep 0.005; done';
    const id = await host.run(['sh', '-c', script], {
      openStdin: true,
      logging: { driver: 'json-file', options: { 'max-size': '8k', 'max-file': '20', compress: 'true' } },
    });
    const reading = Array.fromAsync(host.engine.containers.logs(id, { follow: true, stdout: true, stderr: true }, never));
    const attached = await host.engine.containers.attach(id, { stdin: true, stdout: false, stderr: false });
    attached.stream.write('go\n');
    const said = (await reading).map((record) => record.data.toString());
    attached.stream.destroy();
    assert.equal(said.join(''), counted(1, 2000));
    await host.engine.containers.remove(id, {});
  });

  test('is packed by the next engine when none was there', async () => {
    const logging = { driver: 'local', options: { 'max-size': '2k', 'max-file': '100' } };
    const id = await host.run(
      ['sh', '-c', 'read go; i=0; while [ $i -lt 300 ]; do i=$((i + 1)); echo line $i; done; echo ready; sleep 1000'],
      {
        openStdin: true,
        logging,
      },
    );
    const attached = await host.engine.containers.attach(id, { stdin: true, stdout: true, stderr: false });
    attached.stream.write('go\n');
    for await (const chunk of attached.stream) if ((chunk as Buffer).includes('ready')) break;
    await host.reopen();
    await until(() => rowOf(id).filter((name) => !name.endsWith('.gz')).length === 2);
    assert.equal(await host.output(id), `${counted(1, 300)}ready\n`);
    await host.engine.containers.remove(id, { force: true });
  });
});
