import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openTestEngine, whyNoEngine, type TestEngine, type TestEngineOptions } from '../fixtures/test-engine.ts';
import type { CreateRequest } from '../model.ts';

const ways: readonly [string, TestEngineOptions][] = [
  ['overlays of the new mount API', {}],
  ['overlays of mount(2)', { overlayWay: 'attached' }],
  ['whole copies', { snapshots: 'native' }],
];

for (const [name, options] of ways) {
  describe(`mounts on ${name}`, { skip: whyNoEngine(), timeout: 240_000 }, () => {
    let host: TestEngine;
    const said = async (command: readonly string[], request: Partial<CreateRequest>): Promise<string> => {
      const id = await host.run(command, request);
      await host.exitCode(id);
      return host.output(id);
    };
    before(async () => {
      host = await openTestEngine(options);
      const id = await host.run(['sh', '-c', 'mkdir /data && echo hello >/data/file && chown 33:44 /data /data/file'], {});
      await host.exitCode(id);
      await host.engine.archives.commit(id, { name: 'filled', changes: ['VOLUME /data'] });
    });
    after(() => host[Symbol.asyncDispose]());

    for (const userNamespace of ['auto', 'host'] as const) {
      test(`a volume is filled from the image, and an image is mounted (user namespace: ${userNamespace})`, async () => {
        const mounts: CreateRequest['mounts'] = [{ type: 'image', source: 'filled', target: '/img' }];
        const script = 'cat /data/file /img/data/file; stat -c %u:%g /data /data/file /img/data/file; touch /img/x 2>&1';
        const told = await said(['sh', '-c', script], { image: 'filled', mounts, userNamespace });
        assert.match(told, /^hello\nhello\n33:44\n33:44\n33:44\ntouch: .*Read-only file system\n$/);
      });
    }

    test('an image stays as long as a container mounts it, whatever is pruned, with this engine and the next', async () => {
      await host.engine.images.tag('filled', 'mounted');
      const mounts: CreateRequest['mounts'] = [{ type: 'image', source: 'mounted', target: '/img' }];
      const id = await host.create(['cat', '/img/data/file'], { mounts });
      for (const round of ['this engine', 'the next']) {
        await host.engine.disk.pruneImages({ named: true });
        await host.engine.containers.start(id);
        await host.exitCode(id);
        assert.match(await host.output(id), /^(hello\n)+$/, round);
        await host.reopen();
      }
    });
  });
}

describe('volumes of an engine', { skip: whyNoEngine(), timeout: 240_000 }, () => {
  let host: TestEngine;
  before(async () => void (host = await openTestEngine()));
  after(() => host[Symbol.asyncDispose]());

  test('that were lost are said to be, and the start leaves nothing', async () => {
    const id = await host.create(['true'], { mounts: [{ type: 'volume', source: 'lost', target: '/d' }] });
    rmSync(join(host.dataRoot, 'volumes/lost/_data'), { recursive: true });
    await assert.rejects(host.engine.containers.start(id), { kind: 'data-loss', message: /the content of volume lost is missing/ });
    mkdirSync(join(host.dataRoot, 'volumes/lost/_data'));
    await host.engine.containers.start(id);
    assert.equal(await host.exitCode(id), 0);
  });

  test('that cannot be written are not filled', async () => {
    const options = { type: 'tmpfs', device: 'tmpfs', o: 'ro' };
    const id = await host.run(['ls', '/usr'], {
      userNamespace: 'host',
      mounts: [{ type: 'volume', source: 'sealed', target: '/usr', driverOptions: options }],
    });
    assert.equal(await host.exitCode(id), 0);
    assert.equal(await host.output(id), '');
  });

  test('without a name go with their container also when the engine dies on the way', async () => {
    const id = await host.create(['true'], { volumes: ['/one', '/two'] });
    const before = host.engine.volumes.list({}).length;
    await host.engine.containers.remove(id, { volumes: true });
    assert.equal(host.engine.volumes.list({}).length, before - 2);
    await host.reopen();
    assert.equal(host.engine.volumes.list({}).length, before - 2);
    assert.ok(readdirSync(join(host.dataRoot, 'volumes')).every((name) => !name.startsWith('.')));
  });

  test('are in use by a container that is being made', async () => {
    const events: string[] = [];
    const stop = new AbortController();
    const heard = (async () => {
      for await (const event of host.engine.events({}, stop.signal))
        if (event.type === 'volume') events.push(`${event.action} ${event.id}`);
    })();
    const creating = Promise.all(
      Array.from({ length: 6 }, () => host.create(['true'], { mounts: [{ type: 'volume', source: 'shared', target: '/d' }] })),
    );
    const removing = host.engine.volumes.remove('shared', { force: true }).catch(() => undefined);
    await Promise.all([creating, removing]);
    assert.equal(host.engine.volumes.inspect('shared').name, 'shared');
    stop.abort();
    await heard;
    assert.equal(events.filter((event) => event === 'create shared').length, 1);
  });

  test('keep what is written by containers with other ranges of ids', async () => {
    const path = host.engine.volumes.inspect('shared').path;
    writeFileSync(join(path, 'file'), '');
    const mounts: CreateRequest['mounts'] = [{ type: 'volume', source: 'shared', target: '/d' }];
    const ids = await Promise.all([1, 2, 3].map((uid) => host.run(['chown', `${uid}`, `/d/file`], { mounts })));
    for (const id of ids) assert.equal(await host.exitCode(id), 0);
    assert.ok([1, 2, 3].includes(lstatSync(join(path, 'file')).uid));
  });

  test('of a container that is not there are refused, in Docker’s words', async () => {
    await assert.rejects(host.create(['true'], { volumesFrom: ['nobody'] }), {
      kind: 'invalid-argument',
      message: /No such container: nobody/,
    });
  });
});
