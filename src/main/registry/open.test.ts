import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLogger } from '#log';
import { parseRegistryArguments, type ServeArguments } from './arguments.ts';
import { askOwner } from './control.ts';
import { openRegistry } from './open.ts';

const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;
const logger = createLogger({ sink: () => undefined });
const serve = (...words: string[]) =>
  openRegistry(parseRegistryArguments(['serve', '--addr', '127.0.0.1:0', ...words]) as ServeArguments, logger);

test('a cache fetches from upstream once, and serves without it from then on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'orlop-cache-'));
  try {
    const layer = 'x'.repeat(3_000_000);
    const type = 'application/vnd.oci.image.manifest.v1+json';
    const part = (mediaType: string, text: string) => ({ mediaType, digest: digestOf(text), size: text.length });
    const config = part('application/vnd.oci.image.config.v1+json', '{}');
    const layers = [part('application/vnd.oci.image.layer.v1.tar', layer)];
    const manifest = JSON.stringify({ schemaVersion: 2, mediaType: type, config, layers });
    await using undo = new AsyncDisposableStack();
    const upstream = await serve('--root', join(folder, 'upstream'));
    undo.use(upstream);
    const from = `http://127.0.0.1:${upstream.port}`;
    for (const text of ['{}', layer])
      assert.equal((await fetch(`${from}/v2/a/blobs/uploads/?digest=${digestOf(text)}`, { method: 'POST', body: text })).status, 201);
    assert.equal(
      (await fetch(`${from}/v2/a/manifests/t`, { method: 'PUT', body: manifest, headers: { 'content-type': type } })).status,
      201,
    );
    await using cache = await serve('--root', join(folder, 'cache'), '--proxy', from);
    const ask = (path: string, init = {}) => fetch(`http://127.0.0.1:${cache.port}/v2/a/${path}`, init);
    for (const round of [1, 2]) {
      assert.equal(await (await ask('manifests/t')).text(), manifest, `round ${round}`);
      assert.equal((await (await ask(`blobs/${digestOf(layer)}`)).text()).length, layer.length);
    }
    assert.equal((await ask('manifests/none')).status, 404);
    assert.equal((await ask('blobs/uploads/', { method: 'POST' })).status, 405);
    await undo.disposeAsync();
    assert.equal((await (await ask(`blobs/${digestOf(layer)}`)).text()).length, layer.length);
    assert.equal(await (await ask(`manifests/${digestOf(manifest)}`)).text(), manifest);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a root has one owner, who collects when asked', async () => {
  const root = mkdtempSync(join(tmpdir(), 'orlop-owner-'));
  try {
    const wanted = { graceMs: 0, untagged: false, dryRun: true };
    assert.equal(await askOwner(root, wanted), null);
    {
      await using _owner = await serve('--root', root);
      await assert.rejects(serve('--root', root), { code: 'REGISTRY_ROOT_IN_USE' });
      assert.equal((await askOwner(root, wanted))?.blobs, 0);
    }
    await using _again = await serve('--root', root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
