import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import { parseDigest } from './digest.ts';
import {
  createManifest,
  formatIndex,
  formatManifest,
  parseIndex,
  parseManifest,
  parseManifestOrIndex,
  selectManifest,
} from './manifest.ts';
import { mediaTypes } from './media-types.ts';
import { type Platform, parsePlatform } from './platform.ts';

const digest = parseDigest(`sha256:${'0f'.repeat(32)}`);
const layer = { mediaType: mediaTypes.ociLayerGzip, digest, size: 10 };
const config = { mediaType: mediaTypes.ociConfig, digest, size: 2 };

function refuses(call: () => unknown, pattern: RegExp): void {
  assert.throws(call, (error) => isOrlopError(error, 'invalid-argument') && pattern.test(error.message));
}

test('a manifest survives the round trip and prints always the same', () => {
  const manifest = createManifest(config, [layer], { b: '1' });
  const text = formatManifest(manifest);
  assert.deepEqual(parseManifest(text), manifest);
  assert.equal(text, formatManifest(parseManifest(Buffer.from(text))));
  assert.match(text, /^{"schemaVersion":2,"mediaType":"application\/vnd.oci.image.manifest.v1\+json","config":/);
});

test('a Docker manifest is a manifest too', () => {
  const text = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.dockerManifest, config, layers: null });
  assert.deepEqual(parseManifest(text, mediaTypes.dockerManifest).layers, []);
});

test('a document of two shapes or two types is refused', () => {
  refuses(
    () => parseManifestOrIndex(JSON.stringify({ schemaVersion: 2, config, layers: [layer], manifests: [] })),
    /both a manifest and an index/,
  );
  refuses(
    () => parseManifest(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] }), mediaTypes.ociIndex),
    /was given as/,
  );
  refuses(
    () => parseManifest(JSON.stringify({ schemaVersion: 2, mediaType: 'text/html', config, layers: [] })),
    /unknown media type text\/html/,
  );
  refuses(() => parseManifest(JSON.stringify({ schemaVersion: 2, manifests: [] })), /is an index/);
  refuses(() => parseIndex(JSON.stringify({ schemaVersion: 2, config, layers: [] })), /is a manifest/);
});

test('errors name the place', () => {
  refuses(() => parseManifest(JSON.stringify({ schemaVersion: 1, config, layers: [] })), /manifest\.schemaVersion/);
  refuses(
    () => parseManifest(JSON.stringify({ schemaVersion: 2, config, layers: [{ ...layer, digest: 'sha256:../x' }] })),
    /manifest\.layers\[0\]\.digest: expected a digest, found "sha256:..\/x"/,
  );
  refuses(() => parseManifest(JSON.stringify({ schemaVersion: 2, config, layers: [{ ...layer, size: -1 }] })), /layers\[0\]\.size/);
  refuses(() => parseManifest('[]'), /expected an object/);
  refuses(() => parseManifest('{'), /manifest: /);
  refuses(() => parseManifest(Buffer.from([0x7b, 0xff, 0x7d])), /not UTF-8/);
  refuses(() => parseManifest(' '.repeat(5 * 1024 * 1024)), /more than/);
});

function indexOf(...platforms: readonly (string | Platform)[]): ReturnType<typeof parseIndex> {
  const manifests = platforms.map((platform, at) => ({
    mediaType: mediaTypes.ociManifest,
    digest: parseDigest(`sha256:${String(at).repeat(64)}`),
    size: 1,
    platform: typeof platform === 'string' ? parsePlatform(platform) : platform,
  }));
  return { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
}

test('the best manifest for a platform is chosen', () => {
  const index = indexOf('linux/amd64', 'linux/arm/v6', 'linux/arm/v7', 'linux/arm64', { os: 'unknown', architecture: 'unknown' });
  assert.deepEqual(parseIndex(formatIndex(index)), index);
  const chosen = (platform: string): string => selectManifest(index, parsePlatform(platform)).digest.slice(7, 8);
  assert.equal(chosen('amd64'), '0');
  assert.equal(chosen('linux/x86_64'), '0');
  assert.equal(chosen('linux/arm'), '2');
  assert.equal(chosen('linux/arm/v6'), '1');
  assert.equal(chosen('linux/arm/v8'), '2');
  assert.equal(chosen('linux/arm64/v8'), '3');
  assert.throws(
    () => selectManifest(index, parsePlatform('linux/s390x')),
    (error) =>
      isOrlopError(error, 'not-found') &&
      error.message.endsWith('linux/s390x; there is linux/amd64, linux/arm/v6, linux/arm/v7, linux/arm64'),
  );
});
