import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createPolicy } from '../policy.ts';
import { imageOf, ociIndex, ociManifest, openTestRegistry, sha256, sha512, type TestRegistry } from '../testing/registry.ts';

describe('manifests', () => {
  let registry: TestRegistry;
  before(async () => {
    registry = await openTestRegistry({ policy: createPolicy({ immutable: [{ repositories: 'frozen/**', tags: 'v*' }] }) });
    for (const name of ['some/repo', 'frozen/app', 'shared'])
      for (const content of ['{}', 'layer one', 'layer two']) await registry.pushBlob(name, content);
  });
  after(async () => registry[Symbol.asyncDispose]());

  test('what is pushed by tag comes back byte for byte, by tag and by digest', async () => {
    const text = ` ${JSON.stringify(imageOf('{}', ['layer one']), null, 7)}\n`;
    const pushed = await registry.fetch('PUT', '/v2/some/repo/manifests/v1', { headers: { 'content-type': ociManifest }, body: text });
    const digest = sha256(text);
    assert.deepEqual(
      [pushed.status, pushed.headers.get('docker-content-digest'), pushed.headers.get('location')],
      [201, digest, `/v2/some/repo/manifests/${digest}`],
    );
    for (const reference of ['v1', digest]) {
      const got = await registry.fetch('GET', `/v2/some/repo/manifests/${reference}`, { headers: { accept: 'text/html' } });
      assert.deepEqual([got.status, got.bytes.toString(), got.headers.get('content-type')], [200, text, ociManifest]);
      const head = await registry.fetch('HEAD', `/v2/some/repo/manifests/${reference}`);
      assert.deepEqual([head.status, head.bytes.length, head.headers.get('content-length')], [200, 0, String(text.length)]);
      assert.equal(head.headers.get('docker-content-digest'), digest);
    }
    const same = await registry.fetch('GET', '/v2/some/repo/manifests/v1', { headers: { 'if-none-match': `"${digest}"` } });
    assert.equal(same.status, 304);
  });

  test('a push by digest is checked against it, in each algorithm, and may bring tags along', async () => {
    const text = JSON.stringify(imageOf('{}', ['layer two']));
    const put = (reference: string) =>
      registry.fetch('PUT', `/v2/some/repo/manifests/${reference}`, { headers: { 'content-type': ociManifest }, body: text });
    const lie = await put(sha256('other'));
    assert.deepEqual([lie.status, lie.codes], [400, ['DIGEST_INVALID']]);
    assert.equal((await put(sha512(text))).status, 201);
    const tagged = await put(`${sha256(text)}?tag=one&tag=two`);
    assert.deepEqual([tagged.status, tagged.headers.get('oci-tag')], [201, 'one, two']);
    for (const reference of [sha512(text), sha256(text), 'one', 'two'])
      assert.equal((await registry.fetch('GET', `/v2/some/repo/manifests/${reference}`)).status, 200);
  });

  const part = (type: string, content: string, more: object = {}) => ({
    mediaType: type,
    digest: sha256(content),
    size: content.length,
    ...more,
  });
  const config = part('application/vnd.oci.image.config.v1+json', '{}');
  const plain = part('application/vnd.oci.image.layer.v1.tar', 'layer one');
  const foreign = part('application/vnd.oci.image.layer.nondistributable.v1.tar+gzip', 'elsewhere', { urls: ['https://store.test/x'] });
  const empty = part('application/vnd.oci.empty.v1+json', '{}');
  const manyAnnotations = Object.fromEntries(Array.from({ length: 390 }, (_, at) => [`large-${at}`, 'A'.repeat(10_000)]));
  const image = (more: object) => ({ schemaVersion: 2, mediaType: ociManifest, config, layers: [plain], ...more });
  const kinds: readonly [what: string, manifest: object][] = [
    ['an image without layers', image({ layers: [] })],
    ['an image with a layer that is not here to be', image({ layers: [foreign, plain] })],
    ['an image with the content in its descriptors', image({ config: { ...config, data: btoa('{}') } })],
    ['an image of almost four megabytes', image({ annotations: manyAnnotations })],
    ['an artifact whose layer is nothing', image({ artifactType: 'application/vnd.test', config: empty, layers: [empty] })],
    ['an artifact with layers of its own type', image({ config: empty, layers: [part('application/vnd.test', 'layer two')] })],
    ['an image with a field that is new', image({ 'org.test.new': { deep: [1, null] } })],
    ['an index of nothing', { schemaVersion: 2, mediaType: ociIndex, manifests: [] }],
    ['an index of blobs', { schemaVersion: 2, mediaType: ociIndex, manifests: [plain] }],
    ['a type that is new', { schemaVersion: 3, mediaType: 'application/vnd.test.manifest.v9+json', parts: [] }],
  ];
  for (const [what, manifest] of kinds) {
    test(`${what} comes back as it was pushed, in an index too`, async () => {
      const text = JSON.stringify(manifest);
      assert.equal((await registry.pushManifest('some/repo', sha256(text), manifest)).status, 201);
      const type = 'mediaType' in manifest ? String(manifest.mediaType) : '';
      const index = { schemaVersion: 2, mediaType: ociIndex, manifests: [part(type, text)] };
      assert.equal((await registry.pushManifest('some/repo', 'outer', index)).status, 201);
      const got = await registry.fetch('GET', `/v2/some/repo/manifests/${sha256(text)}`);
      assert.deepEqual([got.status, got.headers.get('content-type'), got.bytes.toString() === text], [200, type, true]);
    });
  }

  test('a sparse registry takes what is incomplete, and its check knows the difference', async () => {
    await using sparse = await openTestRegistry({ sparse: true });
    for (const content of ['{}', 'here']) await sparse.pushBlob('a', content);
    const image = imageOf('{}', ['here', 'nowhere']);
    assert.equal((await sparse.pushManifest('a', 'image', image)).status, 201);
    const child = (content: string) => ({ mediaType: ociManifest, digest: sha256(content), size: content.length });
    const index = { schemaVersion: 2, mediaType: ociIndex, manifests: [JSON.stringify(image), 'no such platform'].map(child) };
    assert.equal((await sparse.pushManifest('a', 'index', index)).status, 201);
    assert.equal((await sparse.fetch('GET', `/v2/a/manifests/${sha256('no such platform')}`)).status, 404);
    assert.deepEqual((await sparse.storage.check()).problems, []);
    await sparse.fetch('DELETE', `/v2/a/blobs/${sha256('here')}`);
    assert.equal((await sparse.storage.check()).problems.length, 1);
  });

  test('a manifest whose blobs are not there is refused', async () => {
    const answer = await registry.pushManifest('some/repo', 'broken', imageOf('{}', ['never pushed']));
    assert.deepEqual([answer.status, answer.codes], [404, ['MANIFEST_BLOB_UNKNOWN']]);
    const elsewhere = await registry.pushManifest('empty/repo', 'broken', imageOf('{}', []));
    assert.deepEqual([elsewhere.status, elsewhere.codes], [404, ['MANIFEST_BLOB_UNKNOWN']]);
    const index = { schemaVersion: 2, mediaType: ociIndex, manifests: [{ mediaType: ociManifest, digest: sha256('none'), size: 4 }] };
    assert.equal((await registry.pushManifest('some/repo', 'broken', index)).status, 404);
    assert.equal((await registry.fetch('GET', '/v2/some/repo/manifests/broken')).status, 404);
  });

  test('an index of manifests that are there is stored', async () => {
    const child = JSON.stringify(imageOf('{}', ['layer one']));
    await registry.fetch('PUT', `/v2/some/repo/manifests/${sha256(child)}`, { headers: { 'content-type': ociManifest }, body: child });
    const index = {
      schemaVersion: 2,
      mediaType: ociIndex,
      manifests: [{ mediaType: ociManifest, digest: sha256(child), size: child.length }],
    };
    assert.equal((await registry.pushManifest('some/repo', 'multi', index)).status, 201);
    assert.equal((await registry.fetch('GET', '/v2/some/repo/manifests/multi')).headers.get('content-type'), ociIndex);
  });

  test('foreign layers need not be there', async () => {
    const foreign = {
      mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
      digest: sha256('elsewhere'),
      size: 9,
      urls: ['https://a.test/x'],
    };
    assert.equal((await registry.pushManifest('some/repo', 'foreign', { ...imageOf('{}', []), layers: [foreign] })).status, 201);
  });

  const bad: readonly [what: string, body: string, type: string][] = [
    ['no JSON', 'hello', ociManifest],
    ['nothing', '', ociManifest],
    ['a list', '[]', ociManifest],
    ['a manifest without config', '{"schemaVersion":2,"layers":[]}', ociManifest],
    ['schema 1', '{"schemaVersion":1}', 'application/vnd.docker.distribution.manifest.v1+prettyjws'],
    ['another type than it says', JSON.stringify(imageOf('{}', [])), ociIndex],
    ['both shapes at once', JSON.stringify({ schemaVersion: 2, manifests: [], config: {}, layers: [] }), ociIndex],
    [
      'a bad digest inside',
      JSON.stringify({ ...imageOf('{}', []), config: { mediaType: 'x', digest: 'sha256:../../x', size: 2 } }),
      ociManifest,
    ],
    ['a negative size', JSON.stringify({ ...imageOf('{}', []), config: { mediaType: 'x', digest: sha256('{}'), size: -2 } }), ociManifest],
    ['no type at all', '{"schemaVersion":2}', ''],
    ['deep nesting', `{"schemaVersion":2,"config":${'['.repeat(100_000)}${']'.repeat(100_000)},"layers":[]}`, ociManifest],
    [
      'too many layers',
      JSON.stringify({
        ...imageOf('{}', []),
        layers: Array.from({ length: 5000 }, () => ({ mediaType: 'x', digest: sha256('{}'), size: 2 })),
      }),
      ociManifest,
    ],
    ['bytes that are no UTF-8', '\u0000', ociManifest],
  ];
  for (const [what, body, type] of bad) {
    test(`${what} is refused as MANIFEST_INVALID`, async () => {
      const answer = await registry.fetch('PUT', '/v2/some/repo/manifests/bad', { headers: { 'content-type': type }, body });
      assert.deepEqual([answer.status, answer.codes], [400, ['MANIFEST_INVALID']]);
    });
  }

  test('4 MiB is the limit', async () => {
    const padded = (bytes: number): string => {
      const text = JSON.stringify(imageOf('{}', []));
      return text + ' '.repeat(bytes - text.length);
    };
    const put = (body: string) => registry.fetch('PUT', '/v2/some/repo/manifests/huge', { headers: { 'content-type': ociManifest }, body });
    assert.equal((await put(padded(4 * 1024 * 1024))).status, 201);
    assert.equal((await put(padded(4 * 1024 * 1024 + 1))).status, 413);
  });

  test('a reference that nobody can have is unknown when asked for and refused when pushed', async () => {
    for (const method of ['GET', 'HEAD', 'DELETE'])
      assert.equal((await registry.fetch(method, '/v2/some/repo/manifests/.INVALID_MANIFEST_NAME')).status, 404);
    for (const tag of ['.hidden', '-dash', 'a'.repeat(129), 'a%20b', 'a%00b']) {
      const answer = await registry.pushManifest('some/repo', tag, imageOf('{}', []));
      assert.deepEqual([tag, answer.status, answer.codes], [tag, 400, ['TAG_INVALID']]);
    }
    const longest = await registry.pushManifest('some/repo', 'a'.repeat(128), imageOf('{}', []));
    assert.equal(longest.status, 201);
    const unknown = await registry.fetch('GET', '/v2/some/repo/manifests/none');
    assert.deepEqual([unknown.status, unknown.codes], [404, ['MANIFEST_UNKNOWN']]);
  });

  test('deleting a tag leaves the manifest; deleting the manifest takes its tags', async () => {
    const manifest = imageOf('{}', ['layer one'], { annotations: { for: 'deletion' } });
    const digest = sha256(JSON.stringify(manifest));
    for (const tag of ['gone', 'also']) await registry.pushManifest('some/repo', tag, manifest);
    assert.equal((await registry.fetch('DELETE', '/v2/some/repo/manifests/gone')).status, 202);
    assert.equal((await registry.fetch('GET', '/v2/some/repo/manifests/gone')).status, 404);
    assert.equal((await registry.fetch('DELETE', '/v2/some/repo/manifests/gone')).status, 404);
    assert.equal((await registry.fetch('GET', `/v2/some/repo/manifests/${digest}`)).status, 200);
    assert.equal((await registry.fetch('DELETE', `/v2/some/repo/manifests/${digest}`)).status, 202);
    for (const reference of ['also', digest]) {
      const answer = await registry.fetch('GET', `/v2/some/repo/manifests/${reference}`);
      assert.deepEqual([answer.status, answer.codes], [404, ['MANIFEST_UNKNOWN']]);
    }
  });

  test('an immutable tag neither moves nor goes; its like may be pushed again', async () => {
    const [first, second] = [imageOf('{}', ['layer one']), imageOf('{}', ['layer two'])];
    assert.equal((await registry.pushManifest('frozen/app', 'v1', first)).status, 201);
    assert.equal((await registry.pushManifest('frozen/app', 'v1', first)).status, 201);
    const moved = await registry.pushManifest('frozen/app', 'v1', second);
    assert.deepEqual([moved.status, moved.codes], [409, ['DENIED']]);
    for (const reference of ['v1', sha256(JSON.stringify(first))])
      assert.equal((await registry.fetch('DELETE', `/v2/frozen/app/manifests/${reference}`)).status, 409);
    for (const manifest of [first, second]) assert.equal((await registry.pushManifest('frozen/app', 'latest', manifest)).status, 201);
  });

  test('referrers are listed by subject, known or not, and filtered by type', async () => {
    const subject = imageOf('{}', ['layer one'], { annotations: { is: 'subject' } });
    const digest = sha256(JSON.stringify(subject));
    const pointing = { mediaType: ociManifest, digest, size: JSON.stringify(subject).length };
    const empty = await registry.fetch('GET', `/v2/nobody/referrers/${digest}`);
    assert.deepEqual([empty.status, empty.headers.get('content-type'), empty.json()['manifests']], [200, ociIndex, []]);
    const signature = imageOf('{}', [], { artifactType: 'application/x.signature', subject: pointing, annotations: { by: 'me' } });
    const report = imageOf('{}', [], { subject: pointing });
    const list = { schemaVersion: 2, mediaType: ociIndex, manifests: [], artifactType: 'application/x.list', subject: pointing };
    for (const [tag, document] of [
      ['sig', signature],
      ['report', report],
      ['list', list],
    ] as const) {
      const answer = await registry.pushManifest('shared', tag, document);
      assert.deepEqual([answer.status, answer.headers.get('oci-subject')], [201, digest]);
    }
    const all = await registry.fetch('GET', `/v2/shared/referrers/${digest}`);
    const found = all.json()['manifests'] as { digest: string; artifactType: string; annotations?: object; size: number }[];
    assert.deepEqual(
      new Set(found.map(({ artifactType }) => artifactType)),
      new Set(['application/x.signature', 'application/vnd.oci.image.config.v1+json', 'application/x.list']),
    );
    assert.equal(all.headers.get('oci-filters-applied'), null);
    const one = await registry.fetch('GET', `/v2/shared/referrers/${digest}?artifactType=application/x.signature`);
    assert.equal(one.headers.get('oci-filters-applied'), 'artifactType');
    assert.deepEqual(one.json()['manifests'], [
      {
        mediaType: ociManifest,
        digest: sha256(JSON.stringify(signature)),
        size: JSON.stringify(signature).length,
        artifactType: 'application/x.signature',
        annotations: { by: 'me' },
      },
    ]);
    await registry.fetch('DELETE', `/v2/shared/manifests/${sha256(JSON.stringify(signature))}`);
    assert.equal(((await registry.fetch('GET', `/v2/shared/referrers/${digest}`)).json()['manifests'] as unknown[]).length, 2);
    const bad = await registry.fetch('GET', '/v2/shared/referrers/sha256:x');
    assert.deepEqual([bad.status, bad.codes], [400, ['DIGEST_INVALID']]);
  });
});
