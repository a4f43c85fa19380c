import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isOrlopError } from '#errors';
import { type Descriptor, type Digest, formatImageConfig, mediaTypes, parseDigest } from '#oci';
import type { RegistryClient, Repository } from '#registry';
import { asRoot, openTemporaryStore } from './fixtures/temporary-store.ts';
import { tinyTar } from './fixtures/tiny-tar.ts';
import { createImages } from './images.ts';
import { createTransfers } from './transfers.ts';
import type { ProgressEvent } from './types.ts';

const digestOf = (bytes: Uint8Array): Digest => parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);

/** A registry in memory: one repository's blobs, manifests and tags, and what was asked of it. */
function createMemoryRegistry() {
  const blobs = new Map<string, Buffer>();
  const manifests = new Map<string, { mediaType: string; bytes: Buffer }>();
  const asked: string[] = [];
  const held: { until: Promise<void> | null } = { until: null };
  const repositoryOf = (name: Repository['name']): Repository => {
    const notUsed = (): never => assert.fail('not used');
    return {
      name,
      resolve: async (reference) => {
        const found = manifests.get(reference);
        return found === undefined ? null : { mediaType: found.mediaType, digest: digestOf(found.bytes), size: found.bytes.length };
      },
      fetchManifest: async (reference) => {
        asked.push(`manifest ${reference.slice(0, 15)}`);
        const found = manifests.get(reference);
        assert.ok(found);
        return { bytes: found.bytes, descriptor: { mediaType: found.mediaType, digest: digestOf(found.bytes), size: found.bytes.length } };
      },
      async *fetchBlob({ digest }, { signal } = {}) {
        asked.push(`blob ${digest}`);
        if (held.until !== null) {
          const aborted = new Promise<never>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
          await Promise.race([held.until, aborted]);
        }
        yield blobs.get(digest) ?? Buffer.alloc(0);
      },
      hasBlob: async (digest) => blobs.has(digest),
      mountBlob: async () => false,
      async uploadBlob({ digest }, open) {
        asked.push(`upload ${digest}`);
        const chunks: Uint8Array[] = [];
        for await (const chunk of open(0)) chunks.push(chunk);
        blobs.set(digest, Buffer.concat(chunks));
      },
      async putManifest(reference, mediaType, bytes) {
        asked.push(`put ${reference}`);
        const entry = { mediaType, bytes: Buffer.from(bytes) };
        manifests.set(reference, entry).set(digestOf(bytes), entry);
      },
      deleteManifest: notUsed,
      deleteBlob: notUsed,
      tags: notUsed,
      referrers: notUsed,
    };
  };
  const client: RegistryClient = {
    ping: async () => ({ identityToken: null }),
    catalog: async () => [],
    search: async () => [],
    repository: repositoryOf,
    close: () => undefined,
    [Symbol.dispose]: () => undefined,
  };
  const addBlob = (mediaType: string, bytes: Buffer): Descriptor => {
    blobs.set(digestOf(bytes), bytes);
    return { mediaType, digest: digestOf(bytes), size: bytes.length };
  };
  const addManifest = (document: Record<string, unknown> & { mediaType: string }, ...references: string[]): Descriptor => {
    const bytes = Buffer.from(JSON.stringify(document));
    const entry = { mediaType: document.mediaType, bytes };
    for (const reference of [digestOf(bytes), ...references]) manifests.set(reference, entry);
    return { mediaType: document.mediaType, digest: digestOf(bytes), size: bytes.length };
  };
  /** An image whose layers hold one file each. */
  const addImage = (
    files: readonly string[],
    options: { architecture?: string; docker?: boolean; os?: string; references?: readonly string[] } = {},
  ): Descriptor => {
    const { architecture = process.arch === 'arm64' ? 'arm64' : 'amd64', docker = false, os = 'linux', references = [] } = options;
    const tars = files.map((name) => tinyTar({ [name]: `content of ${name}` }));
    const config = formatImageConfig({
      architecture,
      os,
      config: { Cmd: ['x'] },
      rootfs: { type: 'layers', diff_ids: tars.map(digestOf) },
      history: [],
    });
    return addManifest(
      {
        schemaVersion: 2,
        mediaType: docker ? mediaTypes.dockerManifest : mediaTypes.ociManifest,
        config: addBlob(docker ? mediaTypes.dockerConfig : mediaTypes.ociConfig, Buffer.from(config)),
        layers: tars.map((tar) => addBlob(docker ? mediaTypes.dockerLayerGzip : mediaTypes.ociLayerGzip, gzipSync(tar))),
      },
      ...references,
    );
  };
  return { blobs, manifests, asked, held, client, addBlob, addManifest, addImage };
}

type Memory = ReturnType<typeof createMemoryRegistry>;

/** A new store that speaks to that registry. */
async function openHere(memory: Memory) {
  const temporary = await openTemporaryStore();
  const { store } = temporary;
  const images = createImages(store);
  const events: ProgressEvent[] = [];
  const progress = (event: ProgressEvent): void => void events.push(event);
  return {
    store,
    images,
    events,
    progress,
    transfers: createTransfers({ store, images, registries: memory.client }),
    [Symbol.asyncDispose]: () => temporary[Symbol.asyncDispose](),
  };
}

const other = process.arch === 'arm64' ? 'amd64' : 'arm64';

describe('a pull', asRoot, () => {
  test('brings an image of either kind, unpacks it, and says when it is up to date', async () => {
    for (const docker of [false, true]) {
      const memory = createMemoryRegistry();
      const { digest } = memory.addImage(['a', 'b', 'c', 'd'], { docker, references: ['1'] });
      await using here = await openHere(memory);
      const first = await here.transfers.pull('reg.io/app:1', { progress: here.progress });
      assert.deepEqual([first.digest, first.target, first.isNew], [digest, digest, true]);
      const image = here.images.resolve('reg.io/app:1');
      assert.deepEqual(image.names, ['reg.io/app:1']);
      assert.ok(image.chain !== null && here.store.layers.get(image.chain) !== null);
      assert.equal(here.events.filter(({ status }) => status === 'Pull complete').length, 4);
      const before = memory.asked.length;
      assert.equal((await here.transfers.pull('reg.io/app:1', { progress: here.progress })).isNew, false);
      assert.equal(memory.asked.length, before, 'nothing is fetched twice');
    }
  });

  test("takes the machine's platform from an index and names the index; another platform on request, and names its manifest", async () => {
    const memory = createMemoryRegistry();
    const own = memory.addImage(['own']);
    const foreign = memory.addImage(['foreign'], { architecture: other });
    const platform = (architecture: string) => ({ os: 'linux', architecture });
    const ownArchitecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
    const index = memory.addManifest(
      {
        schemaVersion: 2,
        mediaType: mediaTypes.dockerIndex,
        manifests: [
          { ...foreign, platform: platform(other) },
          { ...own, platform: platform(ownArchitecture) },
          { ...foreign, platform: platform('unknown') },
        ],
      },
      '1',
    );
    await using here = await openHere(memory);
    assert.equal((await here.transfers.pull('reg.io/app:1')).target, index.digest);
    assert.equal(here.images.resolve('reg.io/app:1').manifest, own.digest);
    const pulled = await here.transfers.pull('reg.io/app:1', { platform: `linux/${other}` });
    assert.deepEqual([pulled.digest, pulled.target], [index.digest, foreign.digest]);
    assert.equal(here.images.resolve('reg.io/app:1').config.architecture, other);
    await assert.rejects(here.transfers.pull('reg.io/app:1', { platform: 'linux/s390x' }), { code: 'OCI_NO_PLATFORM' });
    const remote = await here.transfers.inspect('reg.io/app:1');
    assert.deepEqual(
      remote.platforms.map(({ architecture }) => architecture),
      [other, ownArchitecture, 'unknown'],
    );
  });

  test('by digest has the digest for a name', async () => {
    const memory = createMemoryRegistry();
    const { digest } = memory.addImage(['a']);
    await using here = await openHere(memory);
    await here.transfers.pull(`reg.io/app:1@${digest}`);
    assert.deepEqual(
      here.images.list().map(({ names }) => names),
      [[`reg.io/app@${digest}`]],
    );
  });

  test('refuses by name what is no image for here, and leaves nothing', async () => {
    const memory = createMemoryRegistry();
    const config = memory.addBlob('application/vnd.example', Buffer.from('{}'));
    memory.addManifest({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] }, 'artefact');
    memory.addManifest({ schemaVersion: 1, mediaType: 'application/vnd.docker.distribution.manifest.v1+prettyjws', name: 'x' }, 'old');
    memory.addImage(['a'], { os: 'windows', references: ['windows'] });
    memory.addImage(['a'], { architecture: other, references: ['other'] });
    const image = memory.addImage(['good'], { references: ['lie'] });
    await using here = await openHere(memory);
    const cases: [tag: string, code: string, platform?: string][] = [
      ['artefact', 'IMAGE_IS_ARTIFACT'],
      ['old', 'IMAGE_SCHEMA_1'],
      ['windows', 'IMAGE_NOT_LINUX'],
      ['other', 'IMAGE_WRONG_PLATFORM', `linux/${process.arch === 'arm64' ? 'arm64' : 'amd64'}`],
      ['none', 'IMAGE_NOT_IN_REGISTRY'],
    ];
    for (const [tag, code, platform] of cases) {
      await assert.rejects(here.transfers.pull(`reg.io/app:${tag}`, platform === undefined ? {} : { platform }), { code });
    }
    const layer = JSON.parse(memory.manifests.get(image.digest)?.bytes.toString() ?? '') as { layers: Descriptor[] };
    memory.blobs.set(layer.layers[0]?.digest ?? '', Buffer.from('damaged'));
    await assert.rejects(here.transfers.pull('reg.io/app:lie'), { kind: 'data-loss' });
    assert.deepEqual(here.images.list(), []);
    await here.store.collectGarbage();
    assert.deepEqual(await here.store.content.list(), []);
    assert.deepEqual(here.store.layers.list(), []);
  });

  test('two at once share their downloads; one that is cancelled does not take the other along', async () => {
    const memory = createMemoryRegistry();
    memory.addImage(['a', 'b'], { references: ['1'] });
    memory.addImage(['c', 'd'], { references: ['2'] });
    await using here = await openHere(memory);
    const pullTwice = async (name: string, signal?: AbortSignal, onBoth?: () => void) => {
      const gate = Promise.withResolvers<void>();
      let left = 4;
      const progress = ({ status }: ProgressEvent): void => {
        if (status !== 'Pulling fs layer' || --left > 0) return;
        memory.held.until = gate.promise;
        setImmediate(() => {
          onBoth?.();
          gate.resolve();
        });
      };
      const outcomes = await Promise.allSettled([
        here.transfers.pull(name, { progress, ...(signal === undefined ? {} : { signal }) }),
        here.transfers.pull(name, { progress }),
      ]);
      return outcomes.map(({ status }) => status);
    };
    assert.deepEqual(await pullTwice('reg.io/app:1'), ['fulfilled', 'fulfilled']);
    for (const { descriptor } of here.images.resolve('reg.io/app:1').layers) {
      assert.equal(memory.asked.filter((line) => line === `blob ${descriptor.digest}`).length, 1);
    }
    const abort = new AbortController();
    const statuses = await pullTwice('reg.io/app:2', abort.signal, () => abort.abort(new Error('enough')));
    assert.deepEqual(statuses, ['rejected', 'fulfilled']);
    assert.equal(here.images.list().length, 2);
  });

  test('that is cancelled leaves no name and nothing to keep', async () => {
    const memory = createMemoryRegistry();
    memory.addImage(['a', 'b'], { references: ['1'] });
    await using here = await openHere(memory);
    const abort = new AbortController();
    const progress = (event: ProgressEvent): void => {
      if (event.status === 'Pulling fs layer') abort.abort(new Error('enough'));
    };
    await assert.rejects(here.transfers.pull('reg.io/app:1', { signal: abort.signal, progress }), { kind: 'cancelled' });
    await here.store.collectGarbage();
    assert.deepEqual([here.images.list(), await here.store.content.list()], [[], []]);
  });
});

describe('a push', asRoot, () => {
  test('sends what the registry has not got, manifests last, and an index whole only when all of it is here', async () => {
    const source = createMemoryRegistry();
    const own = source.addImage(['own', 'shared']);
    const foreign = source.addImage(['foreign', 'shared'], { architecture: other });
    const platform = (architecture: string) => ({ os: 'linux', architecture });
    const ownArchitecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
    const index = source.addManifest(
      {
        schemaVersion: 2,
        mediaType: mediaTypes.ociIndex,
        manifests: [
          { ...own, platform: platform(ownArchitecture) },
          { ...foreign, platform: platform(other) },
        ],
      },
      '1',
    );
    await using here = await openHere(source);
    await here.transfers.pull('reg.io/app:1');
    const target = createMemoryRegistry();
    const elsewhere = createTransfers({ store: here.store, images: here.images, registries: target.client });
    const pushed = await elsewhere.push('reg.io/app:1', { progress: here.progress });
    assert.equal(pushed.digest, own.digest);
    assert.equal(target.asked.at(-1), 'put 1');
    assert.equal(target.asked.filter((line) => line.startsWith('upload')).length, 3);
    await here.transfers.pull('reg.io/app:other', { platform: `linux/${other}` }).catch(() => undefined);
    await here.transfers.pull(`reg.io/app@${foreign.digest}`);
    assert.equal((await elsewhere.push('reg.io/app:1')).digest, index.digest);
    assert.equal(target.asked.filter((line) => line.startsWith('upload')).length, 5);
    assert.deepEqual(target.manifests.get('1')?.bytes, source.manifests.get('1')?.bytes);
    await assert.rejects(elsewhere.push('reg.io/app:unknown'), (error) => isOrlopError(error, 'not-found'));
  });
});
