import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { formatImageConfig, mediaTypes, parseDigest, platformOfNodeArch } from '#oci';
import { tinyTar } from '../../src/image/fixtures/tiny-tar.ts';
import { startEngine, whyNot } from '../system/harness.ts';

const sha256 = (bytes: Uint8Array) => parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);

interface SlowRegistry extends AsyncDisposable {
  readonly host: string;
  /** Resolves when a client has got half of the second layer. */
  readonly halfway: Promise<void>;
  /** From now on everything is sent whole. */
  hurry(): void;
}

/** A registry with one image of two layers; of the second it sends one half and falls silent. */
async function openSlowRegistry(): Promise<SlowRegistry> {
  const tars = [tinyTar({ first: 'one' }), tinyTar({ second: randomBytes(300_000).toString('latin1') })];
  const config = Buffer.from(
    formatImageConfig({
      ...platformOfNodeArch(process.arch),
      config: { Cmd: ['x'] },
      rootfs: { type: 'layers', diff_ids: tars.map(sha256) },
      history: [],
    }),
  );
  const describeBlob = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: sha256(bytes), size: bytes.length });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: describeBlob(mediaTypes.ociConfig, config),
      layers: tars.map((tar) => describeBlob(mediaTypes.ociLayer, tar)),
    }),
  );
  const blobs = new Map([config, ...tars].map((bytes) => [`/v2/app/blobs/${sha256(bytes)}`, bytes]));
  const slow = `/v2/app/blobs/${sha256(tars[1] ?? Buffer.alloc(0))}`;
  const halfway = Promise.withResolvers<void>();
  let hurries = false;
  const server = createServer((request, response) => {
    const blob = blobs.get(request.url ?? '');
    if (request.url?.startsWith('/v2/app/manifests/') === true) {
      response.writeHead(200, {
        'content-type': mediaTypes.ociManifest,
        'content-length': manifest.length,
        'docker-content-digest': sha256(manifest),
      });
      return void response.end(request.method === 'HEAD' ? undefined : manifest);
    }
    if (blob === undefined) return void response.writeHead(request.url === '/v2/' ? 200 : 404).end();
    response.writeHead(200, { 'content-length': blob.length });
    if (request.url !== slow || hurries) return void response.end(blob);
    response.write(blob.subarray(0, blob.length / 2), () => halfway.resolve());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    halfway: halfway.promise,
    hurry: () => void (hurries = true),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('a pull that is cut off', { skip: whyNot() }, () => {
  test('by a killed engine leaves a whole store without the image, and the next pull brings it', async () => {
    await using registry = await openSlowRegistry();
    await using engine = await startEngine();
    const name = `${registry.host}/app:1`;
    const client = engine.spawn('pull', name);
    const closed = once(client, 'close');
    await registry.halfway;
    await engine.kill();
    const [code] = (await closed) as [number];
    assert.notEqual(code, 0);
    await engine.start();
    assert.equal(await engine.must('images', '-q'), '');
    await engine.must('system', 'check');
    registry.hurry();
    assert.equal(await engine.must('pull', '-q', name), name);
    assert.equal((await engine.must('images', '-q')).split('\n').length, 1);
    await engine.must('system', 'check');
  });

  test('by its client leaves the engine at work and nothing of the image', async () => {
    await using registry = await openSlowRegistry();
    await using engine = await startEngine();
    const client = engine.spawn('pull', `${registry.host}/app:1`);
    const closed = once(client, 'close');
    await registry.halfway;
    client.kill('SIGINT');
    await closed;
    assert.equal(await engine.must('images', '-q'), '');
    registry.hurry();
    await engine.must('pull', '-q', `${registry.host}/app:1`);
  });
});
