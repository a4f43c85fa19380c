import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { never, openTestEngine, whyNoEngine, type TestEngine } from '../fixtures/test-engine.ts';

describe('copies and images of containers', { skip: whyNoEngine() }, () => {
  let bench: TestEngine;
  before(async () => void (bench = await openTestEngine()));
  after(async () => bench[Symbol.asyncDispose]());

  const script = 'cat /state 2>/dev/null; echo $A >> /state';
  const runOnce = async (id: string): Promise<string> => {
    await bench.engine.containers.start(id);
    assert.equal(await bench.exitCode(id), 0, await bench.output(id));
    return bench.output(id);
  };

  test('a copy goes on where its source was, and neither sees what the other does', async () => {
    const id = await bench.create(['sh', '-c', script], { name: 'source', env: ['A=1'], labels: { of: 'both' }, limits: { pids: 60 } });
    await runOnce(id);
    const copy = await bench.engine.snapshots.copy(id, { name: 'copied' });
    assert.equal(await runOnce('copied'), '1\n');
    assert.equal(await runOnce('copied'), '1\n1\n1\n', 'two runs of its own log');
    const other = await bench.engine.snapshots.copy(id, {});
    assert.equal(await runOnce(other.id), '1\n');
    const [one, two] = [bench.engine.containers.inspect(id), bench.engine.containers.inspect(copy.id)];
    assert.deepEqual([two.name, two.request.limits?.pids, two.labels['of'], two.imageId], ['copied', 60, 'both', one.imageId]);
    assert.notEqual(two.hostname, one.hostname);
    await bench.engine.containers.remove(id, {});
    assert.equal((await runOnce(other.id)).split('\n').length, 4, 'layers stay for who stands on them');
    assert.deepEqual((await bench.engine.disk.check({})).problems, []);
  });

  test('a copy of a snapshot is what the container was', async () => {
    const id = await bench.create(['sh', '-c', script], { env: ['A=s'] });
    await runOnce(id);
    await bench.engine.snapshots.take(id, { name: 'then' });
    await runOnce(id);
    const { id: copy } = await bench.engine.snapshots.copy(id, { snapshot: 'then' });
    assert.equal(await runOnce(copy), 's\n');
    await assert.rejects(bench.engine.snapshots.copy(id, { snapshot: 'never' }), (error) => isOrlopError(error, 'not-found'));
  });

  test('a running container is copied, an ephemeral copy goes at its end, and taken names are refused first', async () => {
    const id = await bench.run(['sh', '-c', 'echo here > /state; echo up; trap "exit 0" TERM; while :; do sleep 0.05; done'], {
      name: 'runs',
      restartPolicy: { name: 'always' },
    });
    await bench.firstOutput(id);
    const { id: copy } = await bench.engine.snapshots.copy(id, { name: 'once', ephemeral: true });
    assert.equal(bench.engine.containers.inspect(id).status, 'running');
    const view = bench.engine.containers.inspect(copy);
    assert.deepEqual([view.request.autoRemove, view.request.restartPolicy], [true, undefined]);
    await assert.rejects(bench.engine.snapshots.copy(id, { name: 'once' }), (error) => isOrlopError(error, 'conflict'));
    await bench.engine.containers.remove(id, { force: true });
  });

  test('a copy is made although the image of its source has no name any more', async () => {
    const made = await bench.create(['sh', '-c', script], { env: ['A=x'] });
    await runOnce(made);
    await bench.engine.snapshots.publish(made, { name: 'passing' });
    const id = await bench.create(['sh', '-c', script], { image: 'passing', env: ['A=y'] });
    await bench.engine.images.remove('passing', { force: true });
    const { id: copy } = await bench.engine.snapshots.copy(id, {});
    assert.equal(await runOnce(copy), 'x\n');
  });

  test('a published container is an image of layers that are there already', async () => {
    const id = await bench.create(['sh', '-c', script], { env: ['A=p'], labels: { from: 'here' } });
    await runOnce(id);
    await bench.engine.snapshots.take(id, { name: 'one' });
    await runOnce(id);
    const before = (await bench.engine.disk.usage()).store.layers.count;
    const image = await bench.engine.snapshots.publish(id, { name: 'published:2', comment: 'why', changes: ['ENV B=2'] });
    assert.equal((await bench.engine.disk.usage()).store.layers.count, before + 1, 'the container has pushed one, and nothing was copied');
    const view = bench.engine.images.inspect('published:2');
    assert.equal(view.id, image);
    assert.equal(view.history.length - bench.engine.images.inspect('busybox').history.length, 2);
    const first = await bench.engine.snapshots.publish(id, { name: 'published:1', snapshot: 'one' });
    assert.notEqual(first, image);
    assert.equal(await runOnce(await bench.create(['sh', '-c', script], { image: 'published:2' })), 'p\np\n');
    assert.equal(await runOnce(await bench.create(['sh', '-c', script], { image: 'published:1' })), 'p\n');
    // What goes elsewhere is what is here.
    let bytes = 0;
    for await (const chunk of bench.engine.archives.save(['published:2'], { signal: new AbortController().signal })) bytes += chunk.length;
    assert.ok(bytes > 0);
    await bench.engine.containers.remove(id, {});
    await bench.reopen();
    assert.equal(await runOnce(await bench.create(['sh', '-c', script], { image: 'published:2' })), 'p\np\n');
    assert.deepEqual((await bench.engine.disk.check({ content: true })).problems, []);
  });

  test('publishing twice gives the same image layers', async () => {
    const id = await bench.create(['sh', '-c', script], { env: ['A=q'] });
    await runOnce(id);
    await bench.engine.snapshots.publish(id, { name: 'again:1' });
    await bench.engine.snapshots.publish(id, { name: 'again:2' });
    const layers = (name: string): unknown => bench.engine.images.inspect(name).diffIds;
    assert.deepEqual(layers('again:1'), layers('again:2'));
  });

  test('a backup is written and read without any image that can be seen, and what was made of it stands', async () => {
    const id = await bench.create(['sh', '-c', script], { name: 'kept', env: ['A=b'] });
    await runOnce(id);
    await bench.engine.snapshots.take(id, { name: 'one' });
    const images = (): string[] => bench.engine.images.list({}).map(({ id: image }) => image);
    const before = images();
    const archive: Uint8Array[] = [];
    for await (const chunk of bench.engine.snapshots.backup(id, never)) {
      assert.deepEqual(images(), before);
      archive.push(Buffer.from(chunk));
    }
    const source = (async function* () {
      yield* archive;
      assert.deepEqual(images(), before);
    })();
    const { id: again, name } = await bench.engine.snapshots.restoreBackup(source, { name: 'again', signal: never });
    assert.deepEqual([name, images()], ['again', before]);
    await bench.reopen();
    assert.deepEqual(
      bench.engine.snapshots.list(again).map((one) => [one.name, one.isCurrent]),
      [['one', true]],
    );
    assert.equal(await runOnce(again), 'b\n');
    await bench.engine.snapshots.restore(again, 'one', {});
    assert.deepEqual((await bench.engine.disk.check({})).problems, []);
  });

  test('a rebuild that fails leaves the container running: an image that is not there before it stops, a path that is not there after it', async () => {
    const id = await bench.run(['sh', '-c', 'echo up; trap "exit 0" TERM; while :; do sleep 0.05; done']);
    await bench.firstOutput(id);
    const { startedAtNs } = bench.engine.containers.inspect(id);
    const rebuild = (image: string, keep: string[]) => bench.engine.snapshots.rebuild(id, { image, keep, restart: true });
    await assert.rejects(rebuild('nowhere:1', []), (error) => isOrlopError(error, 'not-found'));
    assert.equal(bench.engine.containers.inspect(id).startedAtNs, startedAtNs);
    await assert.rejects(rebuild('busybox', ['/missing']), (error) => isOrlopError(error, 'not-found'));
    assert.equal(bench.engine.containers.inspect(id).status, 'running');
    await bench.engine.containers.remove(id, { force: true });
  });

  test('a rebuilt container has the new image, its own settings, and the paths that it keeps', async () => {
    const maker = await bench.create([
      'sh',
      '-c',
      'mkdir -p /opt/data /opt/other; echo new > /opt/data/a; echo new > /opt/other/a; echo 2 > /version',
    ]);
    await runOnce(maker);
    await bench.engine.snapshots.publish(maker, { name: 'next:2', changes: ['ENV IMAGE=2'] });
    const look =
      'cat /version /opt/data/* /opt/other/a /etc/single; echo $IMAGE $OWN; mkdir -p /opt/data /opt/other; echo old > /opt/data/b; echo old > /opt/other/a; echo s > /etc/single';
    const id = await bench.create(['sh', '-c', `{ ${look}; } 2>/dev/null`], { env: ['OWN=mine'], labels: { a: 'b' } });
    assert.equal(await runOnce(id), 'mine\n');
    await bench.engine.snapshots.take(id, { name: 'before' });
    await assert.rejects(bench.engine.snapshots.rebuild(id, { image: 'next:2', keep: ['/missing'] }), (error) =>
      isOrlopError(error, 'not-found'),
    );
    await assert.rejects(bench.engine.snapshots.rebuild(id, { image: 'nowhere:1' }), (error) => isOrlopError(error, 'not-found'));
    await bench.engine.snapshots.rebuild(id, { image: 'next:2', keep: ['/opt/data', '/etc/single'] });
    const said = (await runOnce(id)).slice('mine\n'.length);
    assert.equal(said, '2\nold\nnew\ns\n2 mine\n', "of the kept directory nothing is the image's");
    assert.equal(bench.engine.containers.inspect(id).labels['a'], 'b');
    await bench.engine.snapshots.restore(id, 'before', {});
    assert.deepEqual((await bench.engine.archives.changes(id)).map(({ path }) => path).includes('/version'), false);
    assert.equal((await runOnce(id)).slice(said.length + 'mine\n'.length), 'old\nold\ns\nmine\n');
    assert.deepEqual((await bench.engine.disk.check({})).problems, []);
  });
});
