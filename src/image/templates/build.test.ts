import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isOrlopError, OrlopError } from '#errors';
import type { Store } from '#store';
import { asRoot, openTemporaryStore, runProgram } from '../fixtures/temporary-store.ts';
import { tinyTar } from '../fixtures/tiny-tar.ts';
import { createImages } from '../images.ts';
import type { Image, ProgressEvent } from '../types.ts';
import { createTemplateBuilder } from './build.ts';
import { createMmdebstrap } from './mmdebstrap.ts';
import { createTemplates } from './recipes.ts';
import type { PackageRequest, Packager, TemplateBuilder } from './types.ts';

const noPackager: Packager = { build: () => Promise.reject(new Error('no packages wanted')) };
const day = (): Date => new Date('2026-05-06T07:08:09Z');

function builderOf(store: Store, packager: Packager = noPackager): TemplateBuilder {
  return createTemplateBuilder({ store, images: createImages(store), templates: createTemplates(), packager, run: runProgram, now: day });
}

/** Where a path of the image lies on disk: in the topmost layer that has it. */
function locate(store: Store, image: Image, path: string): string {
  const directories = store.layers.directories(image.chain ?? assert.fail());
  const found = directories
    .map((directory) => join(store.root, directory, path))
    .find((place) => lstatSync(place, { throwIfNoEntry: false }) !== undefined);
  return found ?? assert.fail(`${image.names.join()} has no ${path}`);
}

function assertNothingLeft(store: Store): void {
  assert.deepEqual([readdirSync(join(store.root, 'ingest')), store.metadata.images.list()], [[], []]);
}

/** A packager whose roots are tiny; `gate` holds each of them back. */
function tinyPackager(gate: Promise<unknown> = Promise.resolve()): Packager & { builds: number } {
  return {
    builds: 0,
    async build({ packages, output }, { onStatus, signal }) {
      this.builds += 1;
      onStatus('installing');
      const aborted = Promise.withResolvers<never>();
      signal?.addEventListener('abort', () => aborted.reject(signal.reason as Error));
      signal?.throwIfAborted();
      await Promise.race([gate, aborted.promise]);
      await writeFile(output, tinyTar({ 'etc/base': 'base', ...(packages.length === 0 ? {} : { 'sbin/init': packages.join() }) }));
    },
  };
}

const busybox = existsSync('/bin/busybox') ? asRoot : { skip: 'busybox-static is not installed' };

describe('the busybox template', busybox, () => {
  it('makes an app image that runs and a system image on top of it', async () => {
    await using temporary = await openTemporaryStore();
    const { store } = temporary;
    const [app, system] = await builderOf(store).build({ template: 'busybox' });
    assert.ok(app !== undefined && system !== undefined);
    assert.deepEqual([app.names, system.names], [['docker.io/library/busybox:latest'], ['docker.io/library/busybox:system']]);
    assert.deepEqual([app.layers.length, system.layers.length, system.layers[0]], [1, 2, app.layers[0]]);
    assert.deepEqual([app.kind, system.kind, system.init, system.config.config?.StopSignal], ['app', 'system', 'busybox', 'SIGUSR2']);
    assert.deepEqual(app.config.config?.Cmd, ['sh']);
    assert.equal(readlinkSync(locate(store, app, 'bin/sh')), '/bin/busybox');
    assert.equal(readlinkSync(locate(store, system, 'sbin/init')), '/bin/busybox');
    assert.match(readFileSync(locate(store, system, 'etc/inittab'), 'utf8'), /rcS/);
    assert.equal(lstatSync(locate(store, app, 'tmp')).mode & 0o7777, 0o1777);
    const root = join(store.root, store.layers.directories(app.chain ?? assert.fail())[0] ?? assert.fail());
    assert.equal(execFileSync('chroot', [root, '/bin/sh', '-c', 'cat /etc/os-release | grep ^ID'], { encoding: 'utf8' }), 'ID=busybox\n');
  });

  it('makes the same images again', async () => {
    await using one = await openTemporaryStore();
    await using two = await openTemporaryStore();
    const builds = [one, two].map(({ store }) => builderOf(store).build({ template: 'busybox' }));
    const [first, second] = (await Promise.all(builds)).map((images) => images.map(({ manifest }) => manifest));
    assert.deepEqual(first, second);
  });
});

describe('a template build', asRoot, () => {
  it('shares the base layer, tells what it does, and names its images at the end', async () => {
    await using temporary = await openTemporaryStore();
    const events: ProgressEvent[] = [];
    const [app, system] = await builderOf(temporary.store, tinyPackager()).build({
      template: 'debian/trixie',
      progress: (event) => events.push(event),
    });
    assert.deepEqual([app?.names, system?.names], [['docker.io/library/debian:trixie'], ['docker.io/library/debian:trixie-systemd']]);
    assert.deepEqual(system?.layers[0], app?.layers[0]);
    assert.match(system?.config.config?.Labels?.['orlop.template.masked'] ?? '', /systemd-udevd\.service/);
    assert.equal(app?.config.created, '2026-05-06T00:00:00.000Z');
    for (const id of ['debian:trixie', 'debian:trixie-systemd']) {
      const statuses = [...new Set(events.filter((event) => event.id === id).map(({ status }) => status))];
      assert.deepEqual(statuses, ['installing', 'Storing', 'Unpacking', 'Complete']);
    }
    assert.deepEqual(readdirSync(join(temporary.store.root, 'ingest')), []);
  });

  it('asked for twice at once is done once', async () => {
    await using temporary = await openTemporaryStore();
    const gate = Promise.withResolvers<void>();
    const packager = tinyPackager(gate.promise);
    const builder = builderOf(temporary.store, packager);
    const both = [builder.build({ template: 'debian/sid/app' }), builder.build({ template: 'debian/sid/app' })];
    gate.resolve();
    const [one, two] = await Promise.all(both);
    assert.deepEqual([one?.[0]?.id, packager.builds], [two?.[0]?.id, 1]);
  });

  it('gives a variant without a base a root of its own, and takes mirror and time from the caller', async () => {
    await using temporary = await openTemporaryStore();
    const asked: PackageRequest[] = [];
    const tiny = tinyPackager();
    const packager: Packager = {
      build(request, options) {
        asked.push(request);
        return tiny.build(request, options);
      },
    };
    const builder = builderOf(temporary.store, packager);
    const overrides = { mirror: 'http://snapshot.example/1', staleMirror: true, sourceDateEpoch: 1_000_000_000 };
    const images = await builder.build({ template: 'debian/trixie/slim', ...overrides });
    assert.deepEqual(
      images.map(({ names, layers, config }) => [names, layers.length, config.created]),
      [[['docker.io/library/debian:trixie-slim'], 1, '2001-09-09T01:46:40.000Z']],
    );
    const source = { type: 'debian', suite: 'trixie', mirror: 'http://snapshot.example/1', staleMirror: true };
    assert.deepEqual([asked.length, asked[0]?.source, asked[0]?.epoch], [1, source, 1_000_000_000]);
    assert.ok(asked[0]?.leftOut.includes('/usr/share/doc/*'));
    for (const wrong of [{ mirror: "http://x/'; rm -rf /" }, { mirror: 'x' }, { sourceDateEpoch: -1 }, { sourceDateEpoch: 1.5 }])
      await assert.rejects(builder.build({ template: 'debian/trixie', ...wrong }), { code: 'IMAGE_BAD_OVERRIDE' });
    await assert.rejects(builder.build({ template: 'busybox', mirror: 'http://x' }), { code: 'IMAGE_BAD_OVERRIDE' });
  });

  it('leaves nothing when it is cancelled or a root cannot be made', async () => {
    await using temporary = await openTemporaryStore();
    const { store } = temporary;
    const leave = new AbortController();
    const never = new Promise<void>(() => undefined);
    const progress = (): void => leave.abort();
    await assert.rejects(
      builderOf(store, tinyPackager(never)).build({ template: 'debian/trixie', progress, signal: leave.signal }),
      (error) => isOrlopError(error, 'cancelled') && /"debian\/trixie" was cancelled/.test(error.message),
    );
    const failing: Packager = { build: () => Promise.reject(new OrlopError('unavailable', 'IMAGE_MIRROR_UNREACHABLE', 'no mirror')) };
    await assert.rejects(builderOf(store, failing).build({ template: 'debian/trixie' }), (error) => isOrlopError(error, 'unavailable'));
    await assert.rejects(builderOf(store).build({ template: 'debian/potato' }), (error) => isOrlopError(error, 'not-found'));
    assertNothingLeft(store);
  });

  it('leaves nothing when a root is no tar', async () => {
    await using temporary = await openTemporaryStore();
    const garbled: Packager = { build: ({ output }) => copyFile('/bin/sh', output) };
    await assert.rejects(builderOf(temporary.store, garbled).build({ template: 'debian/trixie/app' }), (error) => isOrlopError(error));
    assertNothingLeft(temporary.store);
  });
});

const debian = spawnSync('mmdebstrap', ['--version']).status === 0 ? asRoot : { skip: 'mmdebstrap is not installed' };

describe('the template debian/trixie', debian, () => {
  it('makes a base image and a systemd image from packages', async (context) => {
    await using temporary = await openTemporaryStore();
    const { store } = temporary;
    let images: Image[];
    try {
      images = await builderOf(store, createMmdebstrap({ run: runProgram })).build({ template: 'debian/trixie' });
    } catch (error) {
      if (!isOrlopError(error, 'unavailable')) throw error;
      assertNothingLeft(store);
      return context.skip(`no Debian mirror can be reached from here: ${error.message}`);
    }
    const [app, system] = images;
    assert.ok(app !== undefined && system !== undefined);
    assert.match(readFileSync(locate(store, app, 'usr/lib/os-release'), 'utf8'), /VERSION_CODENAME=trixie/);
    const [upper = ''] = store.layers.directories(system.chain ?? assert.fail());
    assert.match(readlinkSync(join(store.root, upper, 'usr/sbin/init')), /systemd$/);
    assert.equal(readlinkSync(locate(store, system, 'etc/systemd/system/systemd-udevd.service')), '/dev/null');
    for (const path of ['etc/hostname', 'etc/resolv.conf']) {
      for (const directory of store.layers.directories(system.chain ?? assert.fail()))
        assert.equal(existsSync(join(store.root, directory, path)), false, path);
    }
    assert.equal(readFileSync(locate(store, system, 'etc/machine-id'), 'utf8'), '');
    const [base, difference] = system.layers.map(({ chainId }) => store.layers.get(chainId)?.size ?? 0);
    assert.ok((difference ?? 0) < (base ?? 0), `the systemd layer (${difference}) is smaller than the base (${base})`);
  });
});
