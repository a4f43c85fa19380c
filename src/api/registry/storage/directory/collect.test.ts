import assert from 'node:assert/strict';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createPolicy } from '../../policy.ts';
import { imageOf, ociIndex, ociManifest, openTestRegistry, sha256, type TestRegistry } from '../../testing/registry.ts';
import { openDirectoryStorage } from './open.ts';

const later = 10 * 3_600_000;
const all = { graceMs: 0, uploadIdleMs: 0, untagged: false, dryRun: false, expire: () => [] };

/** A registry whose clock the test sets. Files keep the real time, so only what lies ahead of it can be simulated. */
async function openClocked(): Promise<TestRegistry & { readonly clock: { ms: number } }> {
  await using undo = new AsyncDisposableStack();
  const clock = { ms: Date.now() };
  const inner = undo.use(await openTestRegistry());
  const storage = await openDirectoryStorage({ root: inner.root, now: () => clock.ms });
  const registry = undo.use(await openTestRegistry({ root: inner.root, storage }));
  const held = undo.move();
  return { ...registry, clock, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

describe('garbage collection', () => {
  test('what a manifest needs stays, and what nothing needs goes once it is old', async () => {
    await using registry = await openClocked();
    await registry.pushBlob('app', '{}');
    const layer = await registry.pushBlob('app', 'needed');
    const orphan = await registry.pushBlob('app', 'orphan');
    await registry.pushManifest('app', 'v1', imageOf('{}', ['needed']));
    assert.deepEqual((await registry.storage.collect({ ...all, graceMs: 3_600_000 })).blobs, 0, 'within the grace period nothing goes');
    registry.clock.ms += later;
    assert.equal((await registry.storage.collect({ ...all, dryRun: true })).blobs, 1);
    assert.equal((await registry.fetch('HEAD', `/v2/app/blobs/${orphan}`)).status, 200, 'a dry run removes nothing');
    registry.clock.ms += later;
    const report = await registry.storage.collect(all);
    assert.deepEqual([report.blobs, report.bytes], [1, 'orphan'.length]);
    assert.equal((await registry.fetch('HEAD', `/v2/app/blobs/${orphan}`)).status, 404);
    assert.equal((await registry.fetch('HEAD', `/v2/app/blobs/${layer}`)).status, 200);
    assert.equal((await registry.fetch('GET', '/v2/app/manifests/v1')).status, 200);
    assert.deepEqual((await registry.storage.check()).problems, []);
  });

  test('content goes when the last repository has let go of it', async () => {
    await using registry = await openClocked();
    const digest = await registry.pushBlob('one', 'shared');
    await registry.fetch('POST', `/v2/two/blobs/uploads/?mount=${digest}&from=one`);
    await registry.pushBlob('two', '{}');
    await registry.pushManifest('two', 't', imageOf('{}', ['shared']));
    await registry.fetch('DELETE', `/v2/one/blobs/${digest}`);
    registry.clock.ms += later;
    assert.equal((await registry.storage.collect(all)).blobs, 0);
    const manifest = sha256(JSON.stringify(imageOf('{}', ['shared'])));
    await registry.fetch('DELETE', `/v2/two/manifests/${manifest}`);
    registry.clock.ms += later;
    assert.equal((await registry.storage.collect(all)).blobs, 3);
    assert.deepEqual((await registry.storage.check()).problems, []);
  });

  test('untagged manifests go when asked; children of indexes and what refers to what stays do not', async () => {
    await using registry = await openClocked();
    await registry.pushBlob('app', '{}');
    const put = async (reference: (digest: string) => string, document: { mediaType: string }): Promise<string> => {
      const digest = sha256(JSON.stringify(document));
      assert.equal((await registry.pushManifest('app', reference(digest), document)).status, 201);
      return digest;
    };
    const byDigest = (digest: string): string => digest;
    const child = await put(byDigest, imageOf('{}', [], { annotations: { is: 'child' } }));
    const index = await put(() => 'multi', {
      schemaVersion: 2,
      mediaType: ociIndex,
      manifests: [{ mediaType: ociManifest, digest: child, size: 1 }],
    } as { mediaType: string });
    const signature = await put(byDigest, imageOf('{}', [], { subject: { mediaType: ociIndex, digest: index, size: 1 } }));
    const loose = await put(byDigest, imageOf('{}', [], { annotations: { is: 'loose' } }));
    const looseSignature = await put(byDigest, imageOf('{}', [], { subject: { mediaType: ociManifest, digest: loose, size: 1 } }));
    registry.clock.ms += later;
    assert.equal((await registry.storage.collect(all)).manifests, 0);
    assert.equal((await registry.storage.collect({ ...all, untagged: true })).manifests, 2);
    for (const [digest, status] of [
      [child, 200],
      [index, 200],
      [signature, 200],
      [loose, 404],
      [looseSignature, 404],
    ] as const)
      assert.equal((await registry.fetch('GET', `/v2/app/manifests/${digest}`)).status, status);
    assert.deepEqual((await registry.fetch('GET', `/v2/app/referrers/${loose}`)).json()['manifests'], []);
  });

  test('retention rules let old tags go and never immutable ones', async () => {
    await using registry = await openClocked();
    await registry.pushBlob('app', '{}');
    for (const tag of ['a', 'b', 'c', 'release']) {
      registry.clock.ms += 1000;
      await registry.pushManifest('app', tag, imageOf('{}', []));
    }
    const { expire } = createPolicy({
      immutable: [{ repositories: '*', tags: 'release' }],
      retention: [{ repositories: 'a*', keepLast: 2 }],
    });
    assert.equal((await registry.storage.collect({ ...all, expire })).tags, 1);
    assert.deepEqual((await registry.fetch('GET', '/v2/app/tags/list')).json()['tags'], ['b', 'c', 'release']);
  });

  test('uploads that have been left alone are given up', async () => {
    await using registry = await openClocked();
    const { headers } = await registry.fetch('POST', '/v2/app/blobs/uploads/');
    assert.equal((await registry.storage.collect({ ...all, uploadIdleMs: later })).uploads, 0);
    registry.clock.ms += 2 * later;
    assert.equal((await registry.storage.collect({ ...all, uploadIdleMs: later })).uploads, 1);
    assert.equal((await readdir(join(registry.root, 'uploads'))).length, 0);
    const answer = await registry.fetch('PATCH', headers.get('location') ?? '', { body: 'too late' });
    assert.deepEqual([answer.status, answer.codes], [404, ['BLOB_UPLOAD_UNKNOWN']]);
  });

  test('pushes that race with collections lose nothing', async () => {
    await using registry = await openTestRegistry();
    let pushing = true;
    const collecting = (async () => {
      let rounds = 0;
      for (; pushing; rounds++) await registry.storage.collect({ ...all, graceMs: 60_000, uploadIdleMs: 60_000, untagged: true });
      return rounds;
    })();
    const push = async (lane: number): Promise<void> => {
      for (let round = 0; round < 8; round++) {
        const name = `race/${lane % 2}`;
        const layer = `layer ${round % 3}`;
        for (const content of ['{}', layer]) await registry.pushBlob(name, content);
        assert.equal((await registry.pushManifest(name, `t${lane}`, imageOf('{}', [layer]))).status, 201);
        await registry.fetch('DELETE', `/v2/${name}/manifests/t${lane}`);
        assert.equal((await registry.pushManifest(name, `t${lane}`, imageOf('{}', [layer]))).status, 201);
      }
    };
    try {
      await Promise.all([0, 1, 2, 3].map(push));
    } finally {
      pushing = false;
    }
    assert.ok((await collecting) > 1);
    assert.deepEqual((await registry.storage.check()).problems, []);
    for (const lane of [0, 1, 2, 3]) assert.equal((await registry.fetch('GET', `/v2/race/${lane % 2}/manifests/t${lane}`)).status, 200);
  });
});

describe('the directory', () => {
  test('damage is told', async () => {
    await using registry = await openTestRegistry();
    const digest = await registry.pushBlob('app', 'soon damaged');
    await registry.pushBlob('app', '{}');
    await registry.pushManifest('app', 't', imageOf('{}', ['soon damaged']));
    const hex = digest.slice('sha256:'.length);
    const file = join(registry.root, 'blobs/sha256', hex.slice(0, 2), hex);
    await writeFile(file, 'damaged');
    assert.deepEqual((await registry.storage.check()).problems, [`the content of ${digest} is damaged`]);
    await registry.pushBlob('app', 'soon damaged');
    assert.deepEqual((await registry.storage.check()).problems, [], 'pushing it again heals it');
    await rm(file);
    assert.equal((await registry.storage.check()).problems.length, 1);
    assert.equal((await registry.fetch('GET', `/v2/app/blobs/${digest}`)).status, 404);
  });

  test('a directory with something else in it is refused', async () => {
    await using registry = await openTestRegistry();
    const foreign = join(registry.root, 'staging', 'foreign');
    await mkdir(foreign, { recursive: true });
    await writeFile(join(foreign, 'letter.txt'), 'dear');
    await assert.rejects(openDirectoryStorage({ root: foreign }), { code: 'REGISTRY_ROOT_FOREIGN' });
    await writeFile(join(foreign, 'format'), 'orlop-registry 99\n');
    await assert.rejects(openDirectoryStorage({ root: foreign }), { code: 'REGISTRY_ROOT_FOREIGN' });
  });
});
