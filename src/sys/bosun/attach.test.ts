import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { noSlot } from '../plan/index.ts';
import { attachMonitor, attachMonitorExactly } from './monitor.ts';
import { attachFirst, collect, demultiplex, openTestContainer, pipes, reasonToSkip } from './test-container.ts';

describe('clients of a container’s streams', { skip: reasonToSkip() }, () => {
  test('a client attached before the start gets everything, in frames by stream', async () => {
    await using container = openTestContainer();
    const { attachment, op } = attachFirst(container.addon, 6);
    const output = collect(attachment.socket);
    await container.run({
      argv: ['sh', '-c', 'echo one; echo two >&2; head -c 300000 /dev/zero'],
      slots: [attachment.descriptor],
      before: [op],
    });
    container.addon.close(attachment.descriptor);
    const streams = demultiplex(await output);
    assert.equal(streams[1], `one\n${'\0'.repeat(300_000)}`);
    assert.equal(streams[2], 'two\n');
  });

  test('a client that attaches while the process waits for its start misses nothing', async () => {
    await using container = openTestContainer();
    const { state } = await container.run({ argv: ['echo', 'first words'], after: [{ op: 'wait_for_start', fifo: noSlot }] });
    assert.equal(state, 'created');
    const socket = await attachMonitor(container.monitorDirectory, { stdin: false, stdout: true, stderr: true }, container.addon);
    const output = collect(socket);
    await container.monitor.start();
    assert.deepEqual(demultiplex(await output), { 1: 'first words\n' });
  });

  test('a client that begins exactly gets what the log has not, an unfinished line too, and the time up to which the log has all', async () => {
    await using container = openTestContainer();
    const first = attachFirst(container.addon, 3);
    const script = 'echo logged; echo wrong >&2; printf unfin; read x; echo ished; echo more';
    const heard = new Promise<void>((resolve) => {
      let text = '';
      first.attachment.socket.on('data', (chunk: Buffer) => (text += chunk.toString()).includes('unfin') && resolve());
    });
    await container.run({ argv: ['sh', '-c', script], stdio: pipes(1, 0), slots: [first.attachment.descriptor], before: [first.op] });
    container.addon.close(first.attachment.descriptor);
    await heard;
    const streams = { stdin: false, stdout: true, stderr: true };
    const { socket, sinceNs } = await attachMonitorExactly(container.monitorDirectory, streams, container.addon);
    const output = collect(socket);
    first.attachment.socket.write('\n');
    assert.deepEqual(demultiplex(await output), { 1: 'unfinished\nmore\n' });
    await container.monitor.exited;
    const before = container.readLog().filter((record) => parseNs(record.time) <= sinceNs);
    assert.deepEqual(
      before.map((record) => record.log),
      ['logged\n', 'wrong\n'],
    );
  });

  test('half-closing the input of the first client ends standard input, and its output still arrives', async () => {
    await using container = openTestContainer();
    const { attachment, op } = attachFirst(container.addon, 3);
    const output = collect(attachment.socket);
    const sent = 'x'.repeat(400_000);
    attachment.socket.end(sent);
    await container.run({ argv: ['sh', '-c', 'cat; echo done'], stdio: pipes(1, 1), slots: [attachment.descriptor], before: [op] });
    container.addon.close(attachment.descriptor);
    assert.equal(demultiplex(await output)[1], `${sent}done\n`);
  });

  test('standard input stays open over clients when it does not end with the first', async () => {
    await using container = openTestContainer();
    await container.run({ argv: ['sh', '-c', 'read a; read b; echo "$a $b"'], stdio: pipes(1, 0) });
    const streams = { stdin: true, stdout: false, stderr: false };
    const first = await attachMonitor(container.monitorDirectory, streams, container.addon);
    first.end('one\n');
    const second = await attachMonitor(container.monitorDirectory, streams, container.addon);
    first.resume();
    second.resume();
    second.end('two\n');
    assert.equal((await container.monitor.exited).exitCode, 0);
    assert.match(container.logged('stdout'), /^(one two|two one)\n$/);
  });

  test('close-stdin ends standard input', async () => {
    await using container = openTestContainer();
    await container.run({ argv: ['cat'], stdio: pipes(1, 0) });
    container.monitor.closeStdin();
    assert.equal((await container.monitor.exited).exitCode, 0);
  });

  test('a client that pauses holds the output back and loses nothing', async () => {
    await using container = openTestContainer();
    const { attachment, op } = attachFirst(container.addon, 2);
    const size = 6 * 1024 * 1024;
    await container.run({ argv: ['sh', '-c', `head -c ${size} /dev/zero; echo end`], slots: [attachment.descriptor], before: [op] });
    container.addon.close(attachment.descriptor);
    const output = await collect(attachment.socket);
    assert.equal(demultiplex(output)[1]?.length, size + 4);
    assert.equal(container.logged('stdout').length, size + 4);
  });

  const patient =
    process.env['ORLOP_BOSUN_IS_IMPATIENT'] === undefined &&
    'the usual patience is ten seconds: native/sanitized.test.ts runs this with less';
  test('a client that never reads is dropped, and the process goes on', { skip: patient }, async () => {
    await using container = openTestContainer();
    const { attachment, op } = attachFirst(container.addon, 2);
    const size = 4 * 1024 * 1024;
    await container.run({ argv: ['head', '-c', String(size), '/dev/zero'], slots: [attachment.descriptor], before: [op] });
    container.addon.close(attachment.descriptor);
    assert.equal((await container.monitor.exited).exitCode, 0);
    assert.equal(container.logged('stdout').length, size);
    assert.ok((await collect(attachment.socket)).length < size);
  });

  test('a client that leaves does not disturb the process', async () => {
    await using container = openTestContainer();
    const { attachment, op } = attachFirst(container.addon, 3);
    await container.run({ argv: ['sh', '-c', 'cat; echo over'], stdio: pipes(1, 1), slots: [attachment.descriptor], before: [op] });
    container.addon.close(attachment.descriptor);
    attachment.socket.destroy();
    assert.equal((await container.monitor.exited).exitCode, 0);
    assert.equal(container.logged('stdout'), 'over\n');
  });
});

function parseNs(time: string): bigint {
  return BigInt(Date.parse(`${time.slice(0, 19)}Z`)) * 1_000_000n + BigInt(time.slice(20, 29));
}
