import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { createRegistryServer, openDirectoryStorage } from '#api/registry';
import { createLogger } from '#log';
import { makeCertificates } from './certificates.ts';
import { whyNoOpenssl } from './own-registry.ts';
import { runProgram, startProgram } from './programs.ts';
import { projectRoot } from '../system/harness.ts';

const missing = spawnSync('skopeo', ['--version']).status === 0 ? false : 'skopeo is not installed';

test('skopeo copies an image out of our registry and back into it', { skip: missing }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'orlop-registry-client-'));
  try {
    await using storage = await openDirectoryStorage({ root: join(folder, 'root') });
    await using server = createRegistryServer({ storage, logger: createLogger({ sink: () => undefined }) });
    const address = `127.0.0.1:${await server.listen('127.0.0.1', 0)}`;
    const digest = await pushImage(`http://${address}`);
    const copy = async (...words: string[]): Promise<void> => {
      const { code, stderr } = await runProgram(['skopeo', 'copy', '--insecure-policy', ...words]);
      assert.equal(code, 0, stderr);
    };
    const layout = `oci:${join(folder, 'layout')}:x`;
    await copy('--src-tls-verify=false', `docker://${address}/from:t`, layout);
    await copy('--dest-tls-verify=false', layout, `docker://${address}/some/to:t`);
    const back = await fetch(`http://${address}/v2/some/to/manifests/t`);
    assert.equal(back.headers.get('docker-content-digest'), digest);
    assert.deepEqual((await storage.check()).problems, []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('with --tls-client-ca only clients with a certificate are heard', { skip: whyNoOpenssl() }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'orlop-registry-tls-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  makeCertificates(folder);
  const at = (name: string): string => join(folder, name);
  const files = ['--tls-cert', at('server.crt'), '--tls-key', at('server.key'), '--tls-client-ca', at('ca.crt')];
  const words = ['serve', '--addr', '127.0.0.1:0', '--root', at('data'), ...files];
  const server = startProgram([process.execPath, join(projectRoot, 'src/main/registry.ts'), ...words], { timeoutMs: 120_000 });
  t.after(async () => {
    server.child.kill('SIGKILL');
    await server.ended;
  });
  await server.said('"message":"ready"');
  const port = /"port":(\d+)/.exec(server.heard.stderr)?.[1];
  const ask = (own: object): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const options = { ca: readFileSync(at('ca.crt')), agent: false as const, ...own };
      get(`https://localhost:${port}/v2/`, options, (answer) => resolve(answer.resume().statusCode)).on('error', reject);
    });
  assert.equal(await ask({ cert: readFileSync(at('client.crt')), key: readFileSync(at('client.key')) }), 200);
  await assert.rejects(ask({}));
  await assert.rejects(ask({ cert: readFileSync(at('client.crt')), key: readFileSync(at('client.key')), maxVersion: 'TLSv1.1' }));
});

async function pushImage(url: string): Promise<string> {
  const tar = Buffer.alloc(10_240);
  const config = JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [digestOf(tar)] } });
  const push = async (content: Buffer | string, mediaType: string) => {
    const digest = digestOf(content);
    const answer = await fetch(`${url}/v2/from/blobs/uploads/?digest=${digest}`, { method: 'POST', body: content });
    assert.equal(answer.status, 201);
    return { mediaType, digest, size: Buffer.byteLength(content) };
  };
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType,
    config: await push(config, 'application/vnd.oci.image.config.v1+json'),
    layers: [await push(gzipSync(tar), 'application/vnd.oci.image.layer.v1.tar+gzip')],
  });
  const answer = await fetch(`${url}/v2/from/manifests/t`, { method: 'PUT', headers: { 'content-type': mediaType }, body: manifest });
  assert.equal(answer.status, 201);
  return digestOf(manifest);
}

function digestOf(content: Buffer | string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
