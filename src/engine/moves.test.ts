import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { readTarMembers } from '#store';
import { never, openTestEngine, whyNoEngine, type TestEngine } from './fixtures/test-engine.ts';

async function namesIn(archive: AsyncIterable<Uint8Array>): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for await (const { entry, content } of readTarMembers(archive)) {
    let text = '';
    for await (const chunk of content) text += chunk.toString();
    files.set(entry.path, text);
  }
  return files;
}

describe('moving images and containers', { skip: whyNoEngine() }, () => {
  let bench: TestEngine;
  before(async () => void (bench = await openTestEngine()));
  after(async () => bench[Symbol.asyncDispose]());

  const ended = async (script: string, request: Parameters<TestEngine['run']>[1] = {}): Promise<string> => {
    const id = await bench.run(['sh', '-c', script], request);
    assert.equal(await bench.exitCode(id), 0, await bench.output(id));
    return id;
  };

  test('changes are what the container did, not what the engine needs', async () => {
    const id = await ended('echo x > /new; echo y >> /etc/passwd; rm /etc/group');
    assert.deepEqual(
      (await bench.engine.archives.changes(id)).map(({ kind, path }) => `${kind} ${path}`),
      ['C /etc', 'D /etc/group', 'C /etc/passwd', 'A /new'],
    );
    await assert.rejects(bench.engine.archives.changes('nobody'), (error) => isOrlopError(error, 'not-found'));
  });

  test('an image of a container has the shell and the triggers that it was created with, and those built on it have no triggers', async () => {
    const id = await ended('true', { shell: ['/bin/sh', '-ec'], onBuild: ['RUN x'] });
    await bench.engine.archives.commit(id, { name: 'triggering', config: {} });
    const { config } = bench.engine.images.inspect('triggering');
    assert.deepEqual([config.shell, config.onBuild], [['/bin/sh', '-ec'], ['RUN x']]);
    const next = await ended('true', { image: 'triggering' });
    await bench.engine.archives.commit(next, { name: 'quiet', config: {} });
    assert.equal(bench.engine.images.inspect('quiet').config.onBuild, undefined);
  });

  test('a container that never ran has changed nothing', async () => {
    assert.deepEqual(await bench.engine.archives.changes(await bench.create(['true'])), []);
  });

  test('a committed container is an image that goes on where it was', async () => {
    const id = await ended('echo kept > /new; rm /etc/group', { env: ['A=1'], labels: { from: 'test' }, workingDirectory: '/tmp' });
    const image = await bench.engine.archives.commit(id, { name: 'made:1', comment: 'why', changes: ['ENV B=2', 'CMD ["cat","/new"]'] });
    const view = bench.engine.images.inspect('made:1');
    assert.equal(view.id, image);
    assert.deepEqual([view.config.workingDirectory, view.labels['from'], view.history.at(-1)?.comment], ['/tmp', 'test', 'why']);
    assert.ok(
      ['A=1', 'B=2'].every((line) => view.config.env.includes(line)),
      view.config.env.join(' '),
    );
    const next = await bench.run(['sh', '-c', 'cat /new; echo $A$B; test -e /etc/group || echo gone'], { image: 'made:1' });
    await bench.exitCode(next);
    assert.equal(await bench.output(next), 'kept\n12\ngone\n');
  });

  test('an image committed without a name is kept until it is removed', async () => {
    const id = await ended('echo x > /new');
    const image = await bench.engine.archives.commit(id, {});
    assert.deepEqual(bench.engine.images.inspect(image).names, []);
    await bench.reopen();
    assert.deepEqual(bench.engine.images.inspect(image).digests, []);
    const pruned = await bench.engine.disk.pruneImages({ named: false });
    assert.ok(pruned.removed.includes(image));
    assert.throws(
      () => bench.engine.images.inspect(image),
      (error) => isOrlopError(error, 'not-found'),
    );
  });

  test('images are pruned all at once, and one event each tells of those that are gone', async () => {
    const committed: string[] = [];
    for (const name of ['one', 'two', 'three']) committed.push(await bench.engine.archives.commit(await ended(`echo ${name} > /new`), {}));
    const stop = new AbortController();
    const told: string[] = [];
    const telling = (async () => {
      for await (const { action, type, id } of bench.engine.events({}, stop.signal)) {
        if (type === 'image' && action === 'delete') told.push(id);
        if (told.length === committed.length) stop.abort();
      }
    })().catch(() => undefined);
    const { removed, freedBytes } = await bench.engine.disk.pruneImages({ named: false });
    await telling;
    assert.deepEqual([committed.every((image) => removed.includes(image)), told.toSorted()], [true, committed.toSorted()]);
    assert.ok(freedBytes > 0);
    assert.deepEqual((await bench.engine.disk.usage()).store.garbage, { count: 0, bytes: 0 });
  });

  test('a running container is paused while it is committed, and goes on', async () => {
    const id = await bench.run(['sh', '-c', 'echo ready; exec sleep 1000']);
    await bench.firstOutput(id);
    const stop = new AbortController();
    const actions: string[] = [];
    const seen = (async () => {
      for await (const { action } of bench.engine.events({ filters: { container: [id] } }, stop.signal)) actions.push(action);
    })();
    await bench.engine.archives.commit(id, { name: 'running:1' });
    assert.equal(bench.engine.containers.inspect(id).status, 'running');
    await bench.engine.archives.commit(id, { name: 'running:2', pause: false });
    stop.abort();
    await seen.catch(() => undefined);
    await bench.engine.containers.remove(id, { force: true });
    assert.deepEqual(
      actions.filter((action) => action !== 'commit'),
      ['pause', 'unpause'],
    );
  });

  test('a container that ends while it is committed is committed all the same', async () => {
    for (let round = 0; round < 5; round += 1) {
      const id = await bench.run(['sh', '-c', ':']);
      await bench.engine.archives.commit(id, { name: 'brief:1' });
      await bench.engine.containers.remove(id, { force: true });
    }
  });

  test('a bad change is refused before anything is made, and the container goes on', async () => {
    const id = await bench.run(['sh', '-c', 'echo ready; exec sleep 1000']);
    await bench.firstOutput(id);
    await assert.rejects(bench.engine.archives.commit(id, { changes: ['FROM x'] }), (error) => isOrlopError(error, 'invalid-argument'));
    assert.equal(bench.engine.containers.inspect(id).status, 'running');
    await bench.engine.containers.remove(id, { force: true });
  });

  test('an exported container is its whole root', async () => {
    const id = await ended('echo kept > /new; rm /etc/group');
    const files = await namesIn(bench.engine.archives.export(id));
    assert.equal(files.get('new'), 'kept\n');
    assert.ok(files.has('etc/passwd') && !files.has('etc/group') && files.has('bin/'));
  });

  test('what is saved loads again under the same name', async () => {
    const id = await ended('echo x > /new');
    const image = await bench.engine.archives.commit(id, { name: 'moved:1' });
    const archive: Uint8Array[] = [];
    for await (const chunk of bench.engine.archives.save(['moved:1'], { signal: never })) archive.push(Buffer.from(chunk));
    await bench.engine.images.remove('moved:1', {});
    const source = (async function* () {
      yield* archive;
    })();
    assert.deepEqual(await bench.engine.archives.load(source, {}), [{ id: image, names: ['moved:1'] }]);
    assert.throws(
      () => bench.engine.archives.save(['nobody:1'], { signal: never }),
      (error) => isOrlopError(error, 'not-found'),
    );
  });

  test('pruning removes what has ended and what nothing uses, and the store is in order', async () => {
    const ready = await bench.create(['true']);
    const { id: used } = bench.engine.images.inspect('busybox');
    const keeper = await bench.run(['sh', '-c', 'echo ready; exec sleep 1000']);
    await bench.firstOutput(keeper);
    assert.ok((await bench.engine.disk.pruneContainers({ labels: ['nobody'] })).removed.length === 0);
    assert.ok((await bench.engine.disk.pruneContainers({})).removed.includes(ready));
    const { removed } = await bench.engine.disk.pruneImages({ named: true });
    assert.ok(removed.length > 0 && !removed.includes(used));
    const usage = await bench.engine.disk.usage();
    assert.deepEqual([usage.images.map(({ id }) => id), usage.store.garbage], [[used], { count: 0, bytes: 0 }]);
    assert.deepEqual((await bench.engine.disk.check({ content: true })).problems, []);
    await bench.engine.containers.remove(keeper, { force: true });
  });
});
