import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { createTarEntry, endOfArchive, formatTarEntry, padding, readTarMembers, type Store, toByteText } from '#store';
import { readArchiveFiles } from './archive-files.ts';
import { asRoot, openTemporaryStore } from './fixtures/temporary-store.ts';
import { chunksOf, tinyTar } from './fixtures/tiny-tar.ts';
import { createImages } from './images.ts';
import type { Images } from './types.ts';

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

const sha256 = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex');

/** A tar of these files; a value `-> x` is a symbolic link. */
function tarOf(files: Readonly<Record<string, Buffer | string>>): Buffer {
  const pieces = Object.entries(files).flatMap(([path, content]) => {
    if (typeof content === 'string' && content.startsWith('-> '))
      return [formatTarEntry(createTarEntry({ path: toByteText(path), type: 'symlink', linkTarget: toByteText(content.slice(3)) }))];
    const data = Buffer.from(content);
    return [formatTarEntry(createTarEntry({ path: toByteText(path), type: 'file', size: data.length })), data, padding(data.length)];
  });
  return Buffer.concat([...pieces, endOfArchive()]);
}

const base = tinyTar({ base: 'base' });
const top = tinyTar({ top: 'top' });

function configOf(...layers: readonly Buffer[]): string {
  const diffIds = layers.map((layer) => `sha256:${sha256(layer)}`);
  return JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    config: { Cmd: ['sh'], Healthcheck: { Test: ['CMD', 'true'] } },
    rootfs: { type: 'layers', diff_ids: diffIds },
    extra: 'kept',
  });
}

/** As Docker wrote it from 1.10 to 24. */
function dockerArchive(
  tags: readonly string[] | null,
  layers: readonly Buffer[],
  pack: (layer: Buffer) => Buffer = (layer) => layer,
): Buffer {
  const config = configOf(...layers);
  const files = Object.fromEntries(layers.map((layer, at) => [`layer${at}/layer.tar`, pack(layer)]));
  const manifest = JSON.stringify([{ Config: `${sha256(config)}.json`, RepoTags: tags, Layers: Object.keys(files) }]);
  return tarOf({ ...files, 'layer0/VERSION': '1.0', 'layer0/json': '{}', [`${sha256(config)}.json`]: config, 'manifest.json': manifest });
}

async function withImages(work: (images: Images, store: Store) => Promise<void>): Promise<void> {
  await using opened = await openTemporaryStore();
  await work(createImages(opened.store), opened.store);
}

const load = async (images: Images, archive: Uint8Array): Promise<string[][]> =>
  (await images.load(chunksOf(archive, 3000))).map(({ names }) => [...names]);

describe('archives of images', asRoot, () => {
  test('what is saved loads elsewhere as the same images under the same names, and saves to the same bytes', async () => {
    await withImages(async (images) => {
      const one = await images.importRoot(chunksOf(base), {
        reference: 'one:1',
        changes: ['CMD ["one"]'],
        created: '2026-01-01T00:00:00Z',
      });
      const two = await images.commit({
        base: one.manifest,
        layer: chunksOf(top),
        config: { Cmd: ['two'] },
        reference: 'example.org/two:x',
      });
      images.tag('one:1', 'one:2');
      const archive = await collect(images.save(['one', 'example.org/two:x']));
      await withImages(async (others) => {
        const loaded = await others.load(chunksOf(archive, 5000));
        assert.deepEqual(
          new Map(loaded.map(({ image, names }) => [image.id, names])),
          new Map([
            [one.id, ['docker.io/library/one:1', 'docker.io/library/one:2']],
            [two.id, ['example.org/two:x']],
          ]),
        );
        assert.deepEqual(others.resolve('example.org/two:x').config, two.config);
        assert.deepEqual(await collect(others.save(['one', 'example.org/two:x'])), archive);
      });
    });
  });

  test('an image saved by its id has no name, and none when it is loaded', async () => {
    await withImages(async (images, store) => {
      const { id } = await images.importRoot(chunksOf(base), { reference: 'one' });
      const archive = await collect(images.save([id]));
      await images.remove('one', { users: () => [] });
      assert.deepEqual(await load(images, archive), [[]]);
      await store.collectGarbage();
      const image = images.resolve(id);
      assert.deepEqual(await images.unpack(image), undefined);
      images.tag(id, 'again');
      assert.deepEqual(images.resolve('again').names, ['docker.io/library/again:latest']);
    });
  });

  for (const [name, pack] of [
    ['plain', (layer: Buffer) => layer],
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ] as const) {
    test(`an archive of Docker's with ${name} layers loads, whatever it is packed with itself`, async () => {
      const archive = dockerArchive(['busybox:1', 'ghcr.io/x/y:2'], [base, top], pack);
      for (const whole of [archive, gzipSync(archive), zstdCompressSync(archive)]) {
        await withImages(async (images) => {
          assert.deepEqual(await load(images, whole), [['docker.io/library/busybox:1', 'ghcr.io/x/y:2']]);
          const image = images.resolve('busybox:1');
          assert.equal(image.id, `sha256:${sha256(configOf(base, top))}`, 'the config is taken over byte by byte');
          assert.deepEqual(image.config.config?.Healthcheck, { Test: ['CMD', 'true'] });
        });
      }
    });
  }

  test('an image that is here already is not there twice, however its layers come packed', async () => {
    await withImages(async (images) => {
      await load(images, dockerArchive(['packed:1'], [base, top], gzipSync));
      await load(images, dockerArchive(['plain:1'], [base, top]));
      assert.deepEqual(
        images.list().map(({ names }) => names),
        [['docker.io/library/packed:1', 'docker.io/library/plain:1']],
      );
      assert.deepEqual((await images.remove('plain:1', { users: () => [] })).deleted, []);
      assert.equal(images.resolve('packed:1').names.length, 1);
    });
  });

  test('an archive from before Docker 1.10 loads, shared layers being links', async () => {
    const files = {
      'a/json': JSON.stringify({ id: 'a', created: '2015-01-01T00:00:00Z', container_config: { Cmd: ['/bin/sh', '-c', 'add'] } }),
      'a/layer.tar': base,
      'b/json': JSON.stringify({ id: 'b', parent: 'a', architecture: 'amd64', os: 'linux', config: { Cmd: ['old'] } }),
      'b/layer.tar': '-> ../c/layer.tar',
      'c/layer.tar': top,
      repositories: JSON.stringify({ old: { latest: 'b', '1': 'b' } }),
    };
    await withImages(async (images) => {
      assert.deepEqual((await load(images, tarOf(files))).flat().sort(), ['docker.io/library/old:1', 'docker.io/library/old:latest']);
      const { config, layers } = images.resolve('old');
      assert.deepEqual([config.config?.Cmd, layers.length, config.history?.[0]?.created_by], [['old'], 2, '/bin/sh -c add']);
    });
  });

  test('an OCI layout of several images and platforms loads; what other platforms lack does not matter', async () => {
    const blobs: Record<string, Buffer | string> = {};
    const put = (content: Buffer | string, mediaType: string): { mediaType: string; digest: string; size: number } => {
      blobs[`blobs/sha256/${sha256(content)}`] = content;
      return { mediaType, digest: `sha256:${sha256(content)}`, size: Buffer.byteLength(content) };
    };
    const manifestOf = (...layers: readonly Buffer[]): { mediaType: string; digest: string; size: number } => {
      const config = put(configOf(...layers), 'application/vnd.oci.image.config.v1+json');
      const descriptors = layers.map((layer) => put(layer, 'application/vnd.oci.image.layer.v1.tar'));
      return put(JSON.stringify({ schemaVersion: 2, config, layers: descriptors }), 'application/vnd.oci.image.manifest.v1+json');
    };
    const ours = { ...manifestOf(base, top), platform: { architecture: process.arch === 'arm64' ? 'arm64' : 'amd64', os: 'linux' } };
    const theirs = {
      mediaType: ours.mediaType,
      digest: `sha256:${'ab'.repeat(32)}`,
      size: 9,
      platform: { architecture: 's390x', os: 'linux' },
    };
    const index = put(JSON.stringify({ schemaVersion: 2, manifests: [theirs, ours] }), 'application/vnd.oci.image.index.v1+json');
    const manifests = [
      { ...index, annotations: { 'org.opencontainers.image.ref.name': 'example.org/multi:1' } },
      { ...manifestOf(top), annotations: { 'org.opencontainers.image.ref.name': 'latest' } },
    ];
    const archive = tarOf({
      ...blobs,
      'oci-layout': '{"imageLayoutVersion":"1.0.0"}',
      'index.json': JSON.stringify({ schemaVersion: 2, manifests }),
    });
    await withImages(async (images) => {
      assert.deepEqual((await load(images, archive)).flat(), ['example.org/multi:1']);
      assert.equal(images.resolve('example.org/multi:1').target, index.digest);
      assert.equal(images.list().length, 2);
      // Nothing can stand in for the platforms that are not here: the manifest is saved alone.
      const saved = await collect(images.save(['example.org/multi:1']));
      await withImages(async (others) => {
        await load(others, saved);
        assert.equal(others.resolve('example.org/multi:1').manifest, ours.digest);
      });
    });
  });

  test('a name that moves leaves the image that had it without one', async () => {
    await withImages(async (images) => {
      const first = await images.importRoot(chunksOf(base), { reference: 'moving' });
      await load(images, dockerArchive(['moving:latest'], [top]));
      assert.notEqual(images.resolve('moving').id, first.id);
      assert.equal(images.resolve(first.id).id, first.id);
      await images.remove(first.id, { users: () => [] });
      assert.throws(
        () => images.resolve(first.id),
        (error) => isOrlopError(error, 'not-found'),
      );
    });
  });

  test('what is no archive of images is refused with a reason, and nothing stays', async () => {
    const config = configOf(base);
    const bad: readonly (readonly [archive: Buffer, kind: 'invalid-argument' | 'data-loss', says: RegExp])[] = [
      [tinyTar({ 'etc/passwd': 'x' }), 'invalid-argument', /neither manifest.json nor index.json/],
      [tarOf({ 'manifest.json': '{}' }), 'invalid-argument', /no list/],
      [tarOf({ 'manifest.json': '[{"Config":"gone.json","Layers":[]}]' }), 'invalid-argument', /gone.json is not in it/],
      [tarOf({ 'c.json': config, 'manifest.json': '[{"Config":"c.json","Layers":["no"]}]' }), 'invalid-argument', /layer no is not in it/],
      [tarOf({ 'c.json': config, 'manifest.json': '[{"Config":"c.json","RepoTags":["A B"],"Layers":[]}]' }), 'invalid-argument', /no name/],
      [tarOf({ 'c.json': config, l: top, 'manifest.json': '[{"Config":"c.json","Layers":["l"]}]' }), 'data-loss', /damaged/],
      [tarOf({ [`blobs/sha256/${'0'.repeat(64)}`]: 'lie' }), 'data-loss', /damaged/],
      [tarOf({ 'index.json': '{"schemaVersion":2,"manifests":[]}' }), 'invalid-argument', /names no image/],
      [tarOf({ 'a/json': '{"parent":"a"}', repositories: '{"x":{"y":"a"}}' }), 'invalid-argument', /parents/],
      [dockerArchive(['x:1'], [base]).subarray(0, 2048 + 100), 'invalid-argument', /middle/],
    ];
    await withImages(async (images, store) => {
      for (const [archive, kind, says] of bad) {
        await assert.rejects(load(images, archive), (error) => isOrlopError(error, kind) && says.test(error.message), String(says));
        assert.deepEqual(await store.content.list(), []);
        assert.deepEqual(store.metadata.images.list(), []);
      }
    });
  });

  test('a damaged archive never loads as something else', async () => {
    const archive = dockerArchive(['x:1'], [base, top]);
    const wanted = `sha256:${sha256(configOf(base, top))}`;
    await withImages(async (images) => {
      const damage = fc.record({ at: fc.nat(archive.length - 1), byte: fc.integer({ min: 0, max: 255 }) });
      await fc.assert(
        fc.asyncProperty(damage, async ({ at, byte }) => {
          const data = Buffer.from(archive);
          data[at] = byte;
          try {
            for (const { image } of await images.load(chunksOf(data, 4000))) if (image.layers.length === 2) await images.unpack(image);
          } catch (error) {
            assert.ok(isOrlopError(error) && error.kind !== 'internal', String(error));
            return;
          }
          assert.ok(images.list().length > 0);
        }),
        { numRuns: 60 },
      );
      await load(images, archive);
      assert.equal(images.resolve('x:1').id, wanted);
    });
  });

  test('the next blob of an archive is read while those before it are brought to the disk, and the last of equal paths counts', async () => {
    await withImages(async (_images, store) => {
      using lease = store.leases.create();
      const [first, second, last] = ['first', 'second', 'last'].map((text) => Buffer.alloc(5000, text));
      const begun = Promise.withResolvers<void>();
      let count = 0;
      const ingest: Store['content']['ingest'] = async (...args) => {
        count += 1;
        const [isFirst, isThird] = [count === 1, count === 3];
        if (isThird) begun.resolve();
        const blob = await store.content.ingest(...args);
        if (isFirst) await begun.promise;
        return blob;
      };
      const archive = Buffer.concat([tarOf({ same: first ?? '', other: second ?? '' }).subarray(0, 2 * 5632), tarOf({ same: last ?? '' })]);
      const slow = { ...store, content: { ...store.content, ingest } };
      const files = await readArchiveFiles(slow, lease, chunksOf(archive, 1000), undefined);
      assert.equal(files.blob('same')?.digest, `sha256:${sha256(last ?? '')}`);
      assert.equal(files.blob('other')?.digest, `sha256:${sha256(second ?? '')}`);
    });
  });

  test('a blob that cannot be stored fails the archive, whatever comes after it, and no other is left under way', async () => {
    await withImages(async (_images, store) => {
      using lease = store.leases.create();
      let underWay = 0;
      const ingest: Store['content']['ingest'] = async (...args) => {
        const isBad = underWay++ === 0;
        const blob = await store.content.ingest(...args);
        await new Promise((resolve) => setImmediate(resolve));
        underWay -= 1;
        if (isBad) throw new Error('the disk is gone');
        return blob;
      };
      const archive = tarOf(Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`file${at}`, Buffer.alloc(3000, `${at},`)])));
      const failing = { ...store, content: { ...store.content, ingest } };
      await assert.rejects(readArchiveFiles(failing, lease, chunksOf(archive, 1000), undefined), /the disk is gone/);
      assert.equal(underWay, 0);
    });
  });

  test('members of an archive are read in order, and what is left of one is skipped', async () => {
    const archive = tarOf({ a: 'x'.repeat(5000), b: 'second', c: '' });
    const seen: string[] = [];
    for await (const { entry, content } of readTarMembers(chunksOf(archive, 100))) {
      if (entry.path === 'a') for await (const chunk of content) seen.push(`${entry.path} ${chunk.length > 0}`);
      if (entry.path === 'b')
        for await (const chunk of content) {
          seen.push(chunk.toString());
          break;
        }
      seen.push(entry.path);
    }
    assert.deepEqual(
      seen.filter((line, at) => seen.indexOf(line) === at),
      ['a true', 'a', 'second', 'b', 'c'],
    );
  });
});
