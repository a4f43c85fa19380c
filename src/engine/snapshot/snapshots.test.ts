import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { readTarMembers } from '#store';
import { openTestEngine, whyNoEngine, type TestEngine } from '../fixtures/test-engine.ts';

describe('snapshots', { skip: whyNoEngine() }, () => {
  let bench: TestEngine;
  before(async () => void (bench = await openTestEngine()));
  after(async () => bench[Symbol.asyncDispose]());

  /** A container whose program says what is in /state, and appends what it is given through its environment. */
  const script = 'cat /state 2>/dev/null; echo run >> /state';
  const idle = 'trap "exit 0" TERM; echo up; while :; do sleep 0.05; done';
  const runOnce = async (id: string): Promise<void> => {
    await bench.engine.containers.start(id);
    await bench.exitCode(id);
  };
  const inside = async (id: string, path: string): Promise<string> => {
    let found = 'absent';
    for await (const { entry, content } of readTarMembers(bench.engine.archives.export(id))) {
      let text = '';
      for await (const chunk of content) text += chunk.toString();
      if (entry.path === path) found = text;
    }
    return found;
  };
  const lines = async (id: string): Promise<number> => (await inside(id, 'state')).split('run').length - 1;

  test('a stopped container goes on above what a snapshot keeps, and comes back to it', async () => {
    const id = await bench.create(['sh', '-c', script], { env: ['A=1'] });
    await runOnce(id);
    assert.equal(await bench.engine.snapshots.take(id, { comment: 'first' }), 'snap0');
    await runOnce(id);
    assert.equal(await bench.engine.snapshots.take(id, {}), 'snap1');
    await runOnce(id);
    assert.equal(await lines(id), 3);
    await bench.engine.snapshots.restore(id, 'snap0', {});
    assert.equal(await lines(id), 1);
    await runOnce(id);
    await bench.engine.snapshots.take(id, { name: 'branch' });
    await bench.engine.snapshots.restore(id, 'snap1', {});
    assert.equal(await lines(id), 2);
    assert.deepEqual(
      bench.engine.snapshots.list(id).map(({ name, parent, isCurrent, comment }) => [name, parent, isCurrent, comment]),
      [
        ['snap0', null, false, 'first'],
        ['snap1', 'snap0', true, ''],
        ['branch', 'snap0', false, ''],
      ],
    );
    assert.deepEqual(await bench.engine.snapshots.changes(id, 'snap0', 'snap1'), [{ path: '/state', kind: 'C' }]);
    assert.deepEqual(await bench.engine.snapshots.changes(id, 'snap1'), []);
    assert.deepEqual(await bench.engine.archives.changes(id), [{ path: '/state', kind: 'A' }], 'compared with the image, as before');
  });

  test('settings come back with a snapshot; name and place do not', async () => {
    const id = await bench.create(['true'], { name: 'before', limits: { pids: 50 } });
    await bench.engine.snapshots.take(id, {});
    await bench.engine.containers.update(id, { limits: { pids: 70 } });
    await bench.engine.containers.rename(id, 'renamed');
    await bench.engine.snapshots.restore(id, 'snap0', {});
    const view = bench.engine.containers.inspect(id);
    assert.deepEqual([view.name, view.request.limits?.pids], ['renamed', 50]);
  });

  test('a running container is kept as it is at one moment, and goes on', async () => {
    const id = await bench.run(['sh', '-c', `echo one > /state; rm /etc/group; ${idle}`]);
    await bench.firstOutput(id);
    const name = await bench.engine.snapshots.take(id, {});
    assert.equal(bench.engine.snapshots.list(id)[0]?.wasRunning, true);
    assert.equal(bench.engine.containers.inspect(id).status, 'running');
    await assert.rejects(bench.engine.snapshots.restore(id, name, {}), (error) => isOrlopError(error, 'conflict'));
    await bench.engine.containers.stop(id, { timeoutS: 1 });
    await bench.engine.snapshots.restore(id, name, {});
    assert.equal(await inside(id, 'etc/group'), 'absent', 'what was deleted stays deleted');
    assert.match(await inside(id, 'state'), /^one/);
    await bench.engine.containers.start(id);
    await bench.engine.snapshots.restore(id, name, { restart: true });
    assert.equal(bench.engine.containers.inspect(id).status, 'running');
    await bench.engine.containers.stop(id, {});
  });

  test('names are free, taken, bad, or found by their beginning of an id', async () => {
    const id = await bench.create(['true'], { name: 'names' });
    await bench.engine.snapshots.take(id, { name: 'one' });
    await assert.rejects(bench.engine.snapshots.take(id, { name: 'one' }), { message: 'container names has a snapshot one already' });
    await assert.rejects(bench.engine.snapshots.take(id, { name: 'a/b' }), (error) => isOrlopError(error, 'invalid-argument'));
    await bench.engine.snapshots.take(id, { name: 'two' });
    await assert.rejects(bench.engine.snapshots.rename(id, 'one', 'two'), (error) => isOrlopError(error, 'conflict'));
    await bench.engine.snapshots.rename(id, 'one', 'three');
    await bench.engine.snapshots.remove(id, 'three');
    await assert.rejects(bench.engine.snapshots.restore(id, 'three', {}), (error) => isOrlopError(error, 'not-found'));
    const [left] = bench.engine.snapshots.list(id);
    assert.deepEqual([left?.name, left?.parent], ['two', null]);
  });

  test('snapshots outlive the engine, and go with their container', async () => {
    const id = await bench.create(['sh', '-c', script]);
    await runOnce(id);
    await bench.engine.snapshots.take(id, {});
    await bench.reopen();
    assert.equal(bench.engine.snapshots.list(id).length, 1);
    await bench.engine.snapshots.restore(id, 'snap0', {});
    assert.equal(await lines(id), 1);
    await bench.engine.containers.remove(id, {});
    assert.deepEqual((await bench.engine.disk.check({})).problems, []);
  });

  test('an image of a container with snapshots has all that it changed', async () => {
    const id = await bench.create(['sh', '-c', script]);
    await runOnce(id);
    await bench.engine.snapshots.take(id, {});
    await runOnce(id);
    await bench.engine.archives.commit(id, { name: 'of-snapshots' });
    const next = await bench.create(['true'], { image: 'of-snapshots' });
    assert.equal(await lines(next), 2);
  });

  test('a container whose disk has a size comes back too, and keeps the size', async () => {
    const id = await bench.create(['sh', '-c', script], { storageOptions: { size: '32M' } });
    await runOnce(id);
    await bench.engine.snapshots.take(id, {});
    await runOnce(id);
    await bench.engine.snapshots.restore(id, 'snap0', {});
    assert.equal(await lines(id), 1);
    await runOnce(id);
    assert.equal(await lines(id), 2);
    assert.equal(bench.engine.containers.inspect(id).request.storageOptions?.['size'], '32M');
    const { id: copy } = await bench.engine.snapshots.copy(id, {});
    assert.equal(await lines(copy), 2);
  });

  test('many snapshots do not make a chain without end', async () => {
    const id = await bench.create(['sh', '-c', script]);
    for (let count = 0; count < 68; count += 1) {
      await runOnce(id);
      await bench.engine.snapshots.take(id, {});
    }
    assert.equal(await lines(id), 68);
    await bench.engine.snapshots.restore(id, 'snap3', {});
    assert.equal(await lines(id), 4);
  });
});
