import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { isOrlopError, type ErrorKind } from '#errors';
import { type Digest, digestHex, mediaTypes, parseDigest, shortDigest } from '#oci';
import type { Store } from '#store';
import { asRoot, openTemporaryStore } from './fixtures/temporary-store.ts';
import { chunksOf, tinyTar } from './fixtures/tiny-tar.ts';
import { historyOf } from './history.ts';
import { createImages } from './images.ts';
import type { Image, Images } from './types.ts';

const created = '2026-01-02T03:04:05.5Z';
const nobody = (): [] => [];

function fails(kind: ErrorKind, code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isOrlopError(error), String(error));
    assert.deepEqual([error.kind, error.code], [kind, code]);
    assert.match(error.message, message);
    return true;
  };
}

/** The command in the config makes the image's id its own. */
function importNamed(images: Images, reference: string, command: string): Promise<Image> {
  return images.importRoot(chunksOf(tinyTar({ 'etc/name': command })), { reference, changes: [`CMD ["${command}"]`], created });
}

/** Without `layers/empty`, which the store keeps as the lower directory of those who have none. */
function filesIn(store: Store, folder: string): string[] {
  return readdirSync(join(store.root, folder)).filter((name) => name !== 'empty');
}

describe('an imported root', asRoot, () => {
  it('is for another machine when that is said', async () => {
    await using temporary = await openTemporaryStore();
    const images = createImages(temporary.store);
    const root = (): AsyncIterable<Uint8Array> => chunksOf(tinyTar({ 'etc/hello': 'hello' }));
    const { config } = await images.importRoot(root(), { reference: 'far', platform: 'linux/arm/v7' });
    assert.deepEqual([config.os, config.architecture, config.variant], ['linux', 'arm', 'v7']);
    await assert.rejects(images.importRoot(root(), { reference: 'no', platform: 'a/b/c/d' }), {
      kind: 'invalid-argument',
      code: 'OCI_BAD_PLATFORM',
    });
  });

  it('becomes an image of one layer with the config that the changes ask for', async () => {
    await using temporary = await openTemporaryStore();
    const { store } = temporary;
    const images = createImages(store);
    const tar = tinyTar({ 'etc/hello': 'hello' });
    const image = await images.importRoot(chunksOf(tar), {
      reference: 'hello',
      changes: ['CMD ["/bin/sh"]', 'ENV A=b'],
      message: 'by hand',
      kind: 'system',
      created,
    });
    assert.deepEqual(image.names, ['docker.io/library/hello:latest']);
    assert.deepEqual(image.config.config, { Env: ['A=b'], Cmd: ['/bin/sh'], Labels: { 'orlop.kind': 'system' } });
    assert.deepEqual([image.kind, image.init, image.createdNs], ['system', null, 1_767_323_045_500_000_000n]);
    assert.equal(image.chain, image.layers[0]?.diffId);
    assert.equal(image.sizeBytes, 5);
    const [directory = ''] = store.layers.directories(image.chain ?? assert.fail());
    assert.equal(readFileSync(join(store.root, directory, 'etc/hello'), 'utf8'), 'hello');
    assert.deepEqual(historyOf(image), [
      { createdNs: image.createdNs, createdBy: '', comment: 'by hand', sizeBytes: image.layerBytes[0], isEmpty: false },
    ]);
  });

  it('keeps a packed tar as it came and packs a plain one the same way each time', async () => {
    await using temporary = await openTemporaryStore();
    const images = createImages(temporary.store);
    const tar = tinyTar({ a: 'x'.repeat(100_000), b: 'y' });
    const layerOf = async (bytes: Buffer, chunk: number): Promise<Image['layers'][number] | undefined> =>
      (await images.importRoot(chunksOf(bytes, chunk), { created, reference: 'x' })).layers[0];
    const plain = await layerOf(tar, 512);
    assert.equal(plain?.descriptor.mediaType, mediaTypes.ociLayerZstd);
    assert.equal((await layerOf(tar, 99_999))?.descriptor.digest, plain?.descriptor.digest);
    for (const [packed, type] of [
      [gzipSync(tar), mediaTypes.ociLayerGzip] as const,
      [zstdCompressSync(tar), mediaTypes.ociLayerZstd] as const,
    ]) {
      const layer = await layerOf(packed, 1);
      assert.deepEqual([layer?.descriptor.mediaType, layer?.descriptor.size, layer?.diffId], [type, packed.length, plain?.diffId]);
    }
  });

  it('leaves nothing when the tar is cut off, the input fails, or the change makes no sense', async () => {
    await using temporary = await openTemporaryStore();
    const { store } = temporary;
    const images = createImages(store);
    const tar = tinyTar({ a: 'x'.repeat(5000) });
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield tar.subarray(0, 1024);
      throw new Error('the input broke');
    }
    await assert.rejects(images.importRoot(chunksOf(tar.subarray(0, 2000)), { reference: 'x' }), (error) => isOrlopError(error));
    await assert.rejects(images.importRoot(broken(), { reference: 'x' }), /the input broke/);
    await assert.rejects(
      images.importRoot(chunksOf(tar), { reference: 'x', changes: ['RUN true'] }),
      fails('invalid-argument', 'IMAGE_BAD_CHANGE', /RUN/),
    );
    await assert.rejects(images.importRoot(chunksOf(tar), { reference: 'X Y' }), fails('invalid-argument', 'OCI_BAD_REFERENCE', /X Y/));
    assert.deepEqual(images.list(), []);
    await store.collectGarbage();
    assert.deepEqual([filesIn(store, 'blobs/sha256'), filesIn(store, 'layers'), filesIn(store, 'ingest')], [[], [], []]);
  });

  it('without a name is kept until it is removed', async () => {
    await using temporary = await openTemporaryStore();
    const images = createImages(temporary.store);
    const { id, manifest } = await images.importRoot(chunksOf(tinyTar({ a: '1' })), {});
    await temporary.store.collectGarbage();
    assert.deepEqual(
      images.list().map((image) => image.id),
      [id],
    );
    await images.remove(id, { users: () => [] });
    await temporary.store.collectGarbage();
    assert.equal(await temporary.store.content.has(manifest), false);
  });
});

describe('a reference', asRoot, () => {
  it('finds an image by all that people call it', async () => {
    await using temporary = await openTemporaryStore();
    const images = createImages(temporary.store);
    const one = await importNamed(images, 'one', 'one');
    const two = await importNamed(images, 'ghcr.io/some/two:v1', 'two');
    const found = (reference: string): string => images.resolve(reference).id;
    for (const reference of [
      'one',
      'one:latest',
      'docker.io/library/one',
      one.id,
      digestHex(one.id),
      shortDigest(one.id),
      `one@${one.manifest}`,
    ]) {
      assert.equal(found(reference), one.id, reference);
    }
    for (const reference of ['ghcr.io/some/two:v1', shortDigest(two.id), two.manifest, `ghcr.io/some/two@${two.manifest}`])
      assert.equal(found(reference), two.id, reference);
    assert.deepEqual(
      images
        .list()
        .map(({ id }) => id)
        .toSorted(),
      [one.id, two.id].toSorted(),
    );
  });

  it('that fits nothing, several or no rule is refused by name', async () => {
    await using temporary = await openTemporaryStore();
    const images = createImages(temporary.store);
    const one = await importNamed(images, 'one', 'one');
    const rest = [...'bcdefghijklmnopqr'].map((letter) => importNamed(images, letter, letter));
    const ids = (await Promise.all(rest)).map(({ id }) => digestHex(id)[0]);
    const twice = ids.find((digit, index) => ids.indexOf(digit) !== index) ?? assert.fail('17 ids, 16 first digits');
    assert.throws(() => images.resolve('nope'), fails('not-found', 'IMAGE_NOT_FOUND', /^No such image: nope:latest$/));
    assert.throws(
      () => images.resolve(`one@${parseDigest(`sha256:${'0'.repeat(64)}`)}`),
      fails('not-found', 'IMAGE_NOT_FOUND', /^No such image: /),
    );
    assert.throws(() => images.resolve('f'.repeat(64)), fails('not-found', 'IMAGE_NOT_FOUND', /^No such image: /));
    assert.throws(() => images.resolve('UPPER'), fails('invalid-argument', 'OCI_BAD_REFERENCE', /UPPER/));
    assert.throws(() => images.resolve(`sha256:${twice}`), fails('invalid-argument', 'IMAGE_AMBIGUOUS', /fits \d+ images/));
    assert.equal(images.resolve('one').id, one.id);
    assert.throws(
      () => images.resolve('debian:trixie'),
      (error) => isOrlopError(error) && error.hint === 'make it with: orlop template build debian/trixie',
    );
  });

  it('to a damaged image says what is wrong, and the others stay usable', async () => {
    await using temporary = await openTemporaryStore();
    const { store } = temporary;
    const bad = await importNamed(createImages(store), 'bad', 'bad');
    const good = await importNamed(createImages(store), 'good', 'good');
    writeFileSync(store.content.path(bad.id), '{}');
    const images = createImages(store);
    assert.throws(() => images.resolve('bad'), fails('data-loss', 'IMAGE_DAMAGED', /another digest/));
    rmSync(store.content.path(bad.manifest));
    assert.throws(() => createImages(store).resolve('bad'), fails('data-loss', 'IMAGE_DAMAGED', /missing/));
    assert.deepEqual(
      images.list().map(({ id }) => id),
      [good.id],
    );
    assert.equal(images.resolve(shortDigest(good.id)).id, good.id);
  });
});

describe('names', asRoot, () => {
  it('are added, moved and taken away; the content goes with the last one', async () => {
    await using temporary = await openTemporaryStore();
    const { store } = temporary;
    const images = createImages(store);
    const image = await importNamed(images, 'one', 'one');
    const before = images.resolve('one').namedNs;
    const named = images.tag('one', 'two:v2');
    assert.deepEqual(named.names, ['docker.io/library/one:latest', 'docker.io/library/two:v2']);
    assert.ok(named.namedNs >= before && named.namedNs <= BigInt(Date.now()) * 1_000_000n, 'it tells when a name was last given to it');
    assert.throws(() => images.tag('one', `two@${image.manifest}`), fails('invalid-argument', 'IMAGE_BAD_TAG', /digest/));
    assert.deepEqual(await images.remove('one', { users: nobody }), { untagged: ['one:latest'], deleted: [], freedBytes: 0 });
    assert.equal(images.resolve('two:v2').id, image.id);
    const last = await images.remove('two:v2', { users: nobody });
    assert.deepEqual([last.untagged, last.deleted], [['two:v2'], [image.id, image.chain]]);
    assert.ok(last.freedBytes > 0);
    assert.deepEqual([filesIn(store, 'blobs/sha256'), filesIn(store, 'layers')], [[], []]);
  });

  it('are all removed by id only when forced', async () => {
    await using temporary = await openTemporaryStore();
    const images = createImages(temporary.store);
    const image = await importNamed(images, 'one', 'one');
    images.tag('one', 'two');
    const id = shortDigest(image.id);
    await assert.rejects(images.remove(id, { users: nobody }), fails('conflict', 'IMAGE_HAS_NAMES', /referenced in multiple repositories/));
    assert.deepEqual((await images.remove(id, { users: nobody, force: true })).untagged, ['one:latest', 'two:latest']);
  });

  it('of one repository are one: its last tag takes the digests with it, and an id is enough to remove both', async () => {
    await using temporary = await openTemporaryStore();
    const images = createImages(temporary.store);
    const pull = (digest: Digest): void =>
      temporary.store.metadata.images.put({ name: `example.org/app@${digest}`, manifest: digest, kind: 'app', createdNs: 1n, labels: {} });
    const first = await importNamed(images, 'example.org/app:1', 'one');
    pull(first.target);
    const { untagged } = await images.remove('example.org/app:1', { users: nobody });
    assert.deepEqual(untagged, ['example.org/app:1', `example.org/app@${first.target}`]);
    const second = await importNamed(images, 'example.org/app:2', 'two');
    pull(second.target);
    images.tag('example.org/app:2', 'example.org/app:3');
    assert.deepEqual((await images.remove('example.org/app:3', { users: nobody })).untagged, ['example.org/app:3']);
    assert.equal((await images.remove(shortDigest(second.id), { users: nobody })).untagged.length, 2);
    assert.deepEqual(images.list(), []);
  });

  it('stay while containers use the image: running ones always, stopped ones unless forced', async () => {
    await using temporary = await openTemporaryStore();
    const images = createImages(temporary.store);
    const image = await importNamed(images, 'one', 'one');
    const stopped = { id: 'a'.repeat(64), name: 'old', running: false };
    const running = { id: 'b'.repeat(64), name: 'web', running: true };
    const remove = (force: boolean, ...used: (typeof stopped)[]): Promise<unknown> => images.remove('one', { force, users: () => used });
    await assert.rejects(
      remove(false, stopped),
      fails('conflict', 'IMAGE_IN_USE', /"one:latest" \(must force\) - container a{12} is using its referenced image/),
    );
    await assert.rejects(
      images.remove(image.id, { force: true, users: () => [stopped, running] }),
      fails('conflict', 'IMAGE_IN_USE', /cannot be forced\) - image is being used by running container b{12}$/),
    );
    temporary.store.metadata.containers.insert({
      id: 'c',
      name: 'old',
      kind: 'app',
      createdNs: 1n,
      image: image.manifest,
      chain: image.chain,
      record: '{}',
    });
    assert.deepEqual(await remove(true, running), { untagged: ['one:latest'], deleted: [], freedBytes: 0 });
    assert.deepEqual(
      images.list().map(({ id, names }) => [id, names.length]),
      [[image.id, 1]],
      'it stays, without a name that anybody gave it',
    );
    images.tag(image.id, 'one');
    assert.deepEqual(await remove(true, stopped), { untagged: ['one:latest'], deleted: [image.id], freedBytes: 0 });
    assert.deepEqual([await temporary.store.content.has(image.manifest), images.list()], [true, []]);
  });
});

describe('unpacking', asRoot, () => {
  it('mends an image whose unpacked layers are lost, from its blobs', async () => {
    await using temporary = await openTemporaryStore();
    const { store } = temporary;
    const images = createImages(store);
    const image = await importNamed(images, 'one', 'one');
    await images.unpack(image);
    const other = await openTemporaryStore();
    await using _other = other;
    using lease = other.store.leases.create();
    for (const digest of [image.manifest, image.id, image.layers[0]?.descriptor.digest ?? assert.fail()]) {
      await other.store.content.ingest(lease, store.content.read(digest), { digest });
    }
    other.store.metadata.images.put({
      name: 'docker.io/library/one:latest',
      manifest: image.manifest,
      kind: 'app',
      createdNs: 1n,
      labels: {},
    });
    const there = createImages(other.store);
    assert.equal(there.resolve('one').sizeBytes, 0);
    await there.unpack(there.resolve('one'));
    assert.equal(there.resolve('one').sizeBytes, 3);
  });
});
