import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import { parseDigest } from '#oci';
import { loadAddon } from '#sys';
import { mountSmallDisk } from '../testing/small-disk.ts';
import { asRoot, collect, inPieces, openTemporaryStore } from '../testing/temporary-store.ts';
import { openStore } from '../store.ts';

const hello = Buffer.from('hello');
const digest = parseDigest(`sha256:${createHash('sha256').update(hello).digest('hex')}`);
const digest512 = parseDigest(`sha512:${createHash('sha512').update(hello).digest('hex')}`);

test('what goes in comes out, by its digest', async (t) => {
  const { store } = await openTemporaryStore(t);
  using lease = store.leases.create();
  assert.deepEqual(await store.content.ingest(lease, hello), { digest, size: 5 });
  assert.deepEqual(await store.content.ingest(lease, inPieces(hello, 2), { digest, size: 5 }), { digest, size: 5 });
  assert.deepEqual(await store.content.ingest(lease, 'hello', { digest: digest512 }), { digest: digest512, size: 5 });
  assert.equal(await store.content.has(digest), true);
  assert.equal(await store.content.size(digest), 5);
  assert.deepEqual(await store.content.readBytes(digest512), hello);
  assert.deepEqual(await collect(store.content.read(digest)), hello);
  assert.deepEqual(await collect(store.content.read(digest, { start: 1, end: 3 })), Buffer.from('el'));
  assert.deepEqual(await collect(store.content.read(digest, { start: 2, end: 2 })), Buffer.alloc(0));
  assert.equal((await store.content.list()).length, 2);
  assert.equal(await store.content.delete(digest), true);
  assert.equal(await store.content.delete(digest), false);
});

test('what is not there is not found, by name', async (t) => {
  const { store } = await openTemporaryStore(t);
  const missing = (error: unknown): boolean => isOrlopError(error, 'not-found') && error.message.includes(digest);
  assert.equal(await store.content.has(digest), false);
  await assert.rejects(store.content.size(digest), missing);
  await assert.rejects(store.content.readBytes(digest), missing);
  await assert.rejects(collect(store.content.read(digest)), missing);
});

async function* failing(): AsyncIterable<Uint8Array> {
  yield hello;
  throw new Error('the line went dead');
}

test('nothing of a bad ingest stays', async (t) => {
  const { store, root } = await openTemporaryStore(t);
  using lease = store.leases.create();
  const wrong = parseDigest(`sha256:${'00'.repeat(32)}`);
  const abort = new AbortController();
  abort.abort();
  const corrupt = (pattern: RegExp) => (error: unknown) =>
    isOrlopError(error, 'data-loss') && error.code === 'STORE_BLOB_CORRUPT' && pattern.test(error.message);
  await assert.rejects(store.content.ingest(lease, hello, { digest: wrong }), corrupt(/digest is sha256:2cf24/));
  await assert.rejects(store.content.ingest(lease, hello, { digest, size: 4 }), corrupt(/more than the 4 bytes/));
  await assert.rejects(store.content.ingest(lease, hello, { size: 6 }), corrupt(/5 bytes, not the 6/));
  await assert.rejects(store.content.ingest(lease, failing()), /the line went dead/);
  await assert.rejects(store.content.ingest(lease, hello, { signal: abort.signal }), (error) => isOrlopError(error, 'cancelled'));
  assert.deepEqual(readdirSync(join(root, 'ingest')), []);
  assert.deepEqual(await store.content.list(), []);
});

test('two ingests of one blob at once both succeed', async (t) => {
  const { store, root } = await openTemporaryStore(t);
  using lease = store.leases.create();
  const big = Buffer.alloc(3_000_000, 'cargo');
  const blobs = await Promise.all([1, 2, 3, 4].map((part) => store.content.ingest(lease, inPieces(big, part * 10_007))));
  assert.equal(new Set(blobs.map((blob) => blob.digest)).size, 1);
  assert.deepEqual(await store.content.readBytes(blobs[0]?.digest ?? digest), big);
  assert.deepEqual(readdirSync(join(root, 'ingest')), []);
});

test('a source may use one buffer for all its chunks', async (t) => {
  const { store } = await openTemporaryStore(t);
  using lease = store.leases.create();
  const big = Buffer.alloc(3_000_001, 'cargo, ballast, ');
  const reusing = async function* (): AsyncIterable<Uint8Array> {
    const buffer = Buffer.alloc(700_000);
    for (let at = 0; at < big.length; at += buffer.length) {
      yield buffer.subarray(0, big.copy(buffer, 0, at));
      buffer.fill(0);
    }
  };
  const { digest: stored, size } = await store.content.ingest(lease, reusing());
  assert.equal(size, big.length);
  assert.deepEqual(await store.content.readBytes(stored), big);
});

test('damage on disk is noticed when a blob is read whole', async (t) => {
  const { store } = await openTemporaryStore(t);
  using lease = store.leases.create();
  await store.content.ingest(lease, hello);
  writeFileSync(store.content.path(digest), 'hullo');
  await assert.rejects(store.content.readBytes(digest), (error) => isOrlopError(error, 'data-loss'));
  await assert.rejects(store.content.readBytes(digest, 3), (error) => isOrlopError(error, 'resource-exhausted'));
});

test('a full disk is said so, and nothing stays', asRoot, async (t) => {
  const addon = loadAddon();
  const disk = mountSmallDisk(t, addon, 2048);
  if (disk === null) return t.skip('no tmpfs');
  await using store = await openStore({ root: join(disk, 'root'), addon });
  using lease = store.leases.create();
  await assert.rejects(
    store.content.ingest(lease, inPieces(Buffer.alloc(4_000_000, 'x'), 100_000)),
    (error) => isOrlopError(error, 'resource-exhausted') && /no space left for a new blob in .*\/root \(/.test(error.message),
  );
  assert.deepEqual(readdirSync(join(disk, 'root/ingest')), []);
  assert.equal((await store.content.ingest(lease, hello)).digest, digest);
});
