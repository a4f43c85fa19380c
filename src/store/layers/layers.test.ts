import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { isOrlopError } from '#errors';
import { type Digest, parseDigest } from '#oci';
import { loadAddon } from '#sys';
import { archive, bzip2Header, directory, file } from '../testing/archive.ts';
import { mountSmallDisk } from '../testing/small-disk.ts';
import { asRoot, collect, inPieces, openTemporaryStore } from '../testing/temporary-store.ts';
import { describeTree } from '../testing/tree.ts';
import { openStore } from '../store.ts';
import { toByteText } from '../tar/byte-text.ts';
import { createTarEntry, formatTarEntry } from '../tar/writer.ts';
import { extendChain } from './chain.ts';

const base = archive(directory('etc'), file('etc/motd', 'hello\n', { mtimeNs: 5n }));
const top = archive(directory('etc'), file('etc/.wh.motd'), file('etc/issue', 'x'));
const baseDiff = digestOf(base);

function digestOf(data: Uint8Array): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(data).digest('hex')}`);
}

test('a layer is the same however it is packed and wherever it comes from', asRoot, async (t) => {
  const { store, root } = await openTemporaryStore(t);
  using lease = store.leases.create();
  const blob = await store.content.ingest(lease, gzipSync(base));
  const path = join(root, 'packed');
  writeFileSync(path, zstdCompressSync(base));
  const sources = [
    inPieces(base),
    inPieces(gzipSync(base), 13),
    inPieces(zstdCompressSync(base), 13),
    { blob: blob.digest },
    { file: path },
  ];
  for (const source of sources) {
    const layer = await store.layers.apply(lease, source, { parent: null });
    assert.deepEqual(layer, { chainId: baseDiff, parent: null, diffId: baseDiff, size: 6 });
  }
  assert.equal(readFileSync(join(root, store.layers.directories(baseDiff)[0] ?? '', 'etc/motd'), 'utf8'), 'hello\n');
  assert.deepEqual(readdirSync(join(root, 'ingest')), []);
  assert.equal(store.layers.list().length, 1);
});

test('layers stack: chain-ids, directories top first, whiteouts', asRoot, async (t) => {
  const { store, root, addon } = await openTemporaryStore(t);
  using lease = store.leases.create();
  const lower = await store.layers.apply(lease, inPieces(base), { parent: null });
  const upper = await store.layers.apply(lease, inPieces(top), { parent: lower.chainId });
  assert.equal(upper.chainId, extendChain(baseDiff, digestOf(top)));
  assert.deepEqual(store.layers.ancestry(upper.chainId), [upper, lower]);
  const directories = store.layers.directories(upper.chainId);
  assert.deepEqual(directories, [`layers/${upper.chainId.slice(7)}/fs`, `layers/${baseDiff.slice(7)}/fs`]);
  assert.match(describeTree(addon, join(root, directories[0] ?? '')).join('\n'), /"etc\/motd" 20000 0:0 \d+ 0,0/);
});

test('a layer with its digest known is applied once, however many ask', asRoot, async (t) => {
  const { store } = await openTemporaryStore(t);
  using lease = store.leases.create();
  let read = 0;
  const counted = async function* (): AsyncIterable<Uint8Array> {
    read += 1;
    yield* inPieces(base);
  };
  const layers = await Promise.all([1, 2, 3].map(() => store.layers.apply(lease, counted(), { parent: null, diffId: baseDiff })));
  assert.deepEqual(new Set(layers.map((layer) => layer.chainId)), new Set([baseDiff]));
  assert.equal(read, 1);
});

test('nothing of a bad layer stays', asRoot, async (t) => {
  const { store, root } = await openTemporaryStore(t);
  using lease = store.leases.create();
  const packed = gzipSync(base);
  const wrong = parseDigest(`sha256:${'00'.repeat(32)}`);
  const apply = (data: AsyncIterable<Uint8Array>, diffId?: Digest): Promise<unknown> =>
    store.layers.apply(lease, data, { parent: null, ...(diffId === undefined ? {} : { diffId }) });
  const failsWith = (kind: 'data-loss' | 'invalid-argument' | 'unimplemented' | 'not-found', code: string) => (error: unknown) =>
    isOrlopError(error, kind) && error.code === code;
  await assert.rejects(apply(inPieces(base), wrong), failsWith('data-loss', 'STORE_LAYER_CORRUPT'));
  await assert.rejects(apply(inPieces(packed.subarray(0, packed.length - 20))), failsWith('data-loss', 'STORE_BAD_COMPRESSION'));
  await assert.rejects(apply(inPieces(zstdCompressSync(base).subarray(0, 40))), failsWith('data-loss', 'STORE_BAD_COMPRESSION'));
  await assert.rejects(apply(inPieces(base.subarray(0, 700))), failsWith('invalid-argument', 'STORE_BAD_TAR'));
  await assert.rejects(apply(inPieces(archive(file('../x')))), failsWith('invalid-argument', 'STORE_BAD_TAR'));
  await assert.rejects(apply(inPieces(bzip2Header)), failsWith('data-loss', 'STORE_BAD_COMPRESSION'));
  await assert.rejects(store.layers.apply(lease, { blob: wrong }, { parent: null }), failsWith('not-found', 'STORE_BLOB_NOT_FOUND'));
  await assert.rejects(store.layers.apply(lease, inPieces(top), { parent: wrong }), failsWith('not-found', 'STORE_LAYER_NOT_FOUND'));
  assert.deepEqual(readdirSync(join(root, 'ingest')), []);
  assert.deepEqual(readdirSync(join(root, 'layers')), ['empty']);
  assert.deepEqual(store.layers.list(), []);
});

test("a source's own error is passed on, and the thread serves on", asRoot, async (t) => {
  const { store } = await openTemporaryStore(t);
  using lease = store.leases.create();
  const broken = async function* (): AsyncIterable<Uint8Array> {
    yield base.subarray(0, 600);
    throw new Error('the line went dead');
  };
  await assert.rejects(store.layers.apply(lease, broken(), { parent: null }), /^Error: the line went dead$/);
  assert.equal((await store.layers.apply(lease, inPieces(base), { parent: null })).chainId, baseDiff);
});

test('unpacking can be cancelled, from outside and from a source that never ends', asRoot, async (t) => {
  const { store, root } = await openTemporaryStore(t);
  using lease = store.leases.create();
  const abort = new AbortController();
  const endless = async function* (): AsyncIterable<Uint8Array> {
    const data = Buffer.alloc(64 * 1024, 'x');
    yield formatTarEntry(createTarEntry({ path: toByteText('big'), type: 'file', size: 1e12 }));
    for (let count = 0; ; count += 1) {
      if (count === 20) abort.abort();
      yield data;
    }
  };
  await assert.rejects(store.layers.apply(lease, endless(), { parent: null, signal: abort.signal }), (error) =>
    isOrlopError(error, 'cancelled'),
  );
  await assert.rejects(store.layers.apply(lease, inPieces(base), { parent: null, signal: abort.signal }), (error) =>
    isOrlopError(error, 'cancelled'),
  );
  assert.deepEqual(readdirSync(join(root, 'ingest')), []);
  assert.equal((await store.layers.apply(lease, inPieces(base), { parent: null })).size, 6);
});

test('a source that is stuck does not hold up its cancellation', asRoot, async (t) => {
  const { store, root } = await openTemporaryStore(t);
  using lease = store.leases.create();
  const abort = new AbortController();
  const stuck = async function* (): AsyncIterable<Uint8Array> {
    yield base.subarray(0, 600);
    abort.abort();
    await new Promise(() => {});
  };
  await assert.rejects(store.layers.apply(lease, stuck(), { parent: null, signal: abort.signal }), (error) =>
    isOrlopError(error, 'cancelled'),
  );
  assert.deepEqual(readdirSync(join(root, 'ingest')), []);
  assert.equal((await store.layers.apply(lease, inPieces(base), { parent: null })).size, 6);
});

test('the event loop goes on turning while a layer is unpacked', asRoot, async (t) => {
  const { store } = await openTemporaryStore(t);
  using lease = store.leases.create();
  const files = Array.from({ length: 2000 }, (_, at) => file(`f${at}`, 'x'.repeat(2000)));
  let turns = 0;
  const ticking = setInterval(() => (turns += 1), 1);
  await store.layers.apply(lease, inPieces(archive(...files), 100_000), { parent: null });
  clearInterval(ticking);
  assert.ok(turns > 5, `${turns} turns`);
});

test('what is packed from a layer unpacks to the same layer', asRoot, async (t) => {
  const { store } = await openTemporaryStore(t);
  using lease = store.leases.create();
  const lower = await store.layers.apply(lease, inPieces(base), { parent: null });
  const upper = await store.layers.apply(lease, inPieces(top), { parent: lower.chainId });
  const packed = await collect(store.layers.pack(store.layers.directories(upper.chainId)[0] ?? ''));
  const again = await store.layers.apply(lease, inPieces(packed), { parent: lower.chainId });
  const repacked = await collect(store.layers.pack(store.layers.directories(again.chainId)[0] ?? ''));
  assert.deepEqual(repacked, packed);
});

test('a plain blob that was verified under the lease is not read for that again, any other is', asRoot, async (t) => {
  const { store } = await openTemporaryStore(t);
  using lease = store.leases.create();
  using later = store.leases.create();
  const { digest: diffId } = await store.content.ingest(lease, archive(file('a', 'before')));
  // Only so can be seen who looks.
  writeFileSync(store.content.path(diffId), archive(file('a', 'damage')));
  const isDamage = (error: unknown): boolean => isOrlopError(error, 'data-loss') && error.code === 'STORE_LAYER_CORRUPT';
  await assert.rejects(store.layers.apply(later, { blob: diffId }, { parent: null, diffId }), isDamage);
  await store.content.ingest(later, inPieces(base), { digest: diffId });
  await assert.rejects(store.layers.apply(later, { blob: diffId }, { parent: null, diffId }), isDamage, 'it was here already');
  await assert.rejects(
    store.layers.apply(lease, { blob: diffId }, { parent: null, diffId: digestOf(base) }),
    isDamage,
    'of another digest',
  );
  assert.equal((await store.layers.apply(lease, { blob: diffId }, { parent: null, diffId })).diffId, diffId);
});

test('a full disk is said so naming the layer, and nothing stays', asRoot, async (t) => {
  const addon = loadAddon();
  const disk = mountSmallDisk(t, addon, 3072);
  if (disk === null) return t.skip('no tmpfs');
  await using store = await openStore({ root: join(disk, 'root'), addon });
  using lease = store.leases.create();
  const big = archive(directory('d'), file('d/a', Buffer.alloc(1_000_000, 'a')), file('d/b', Buffer.alloc(4_000_000, 'b')));
  const diffId = digestOf(big);
  const before = addon.statfs(disk).available;
  await assert.rejects(
    store.layers.apply(lease, inPieces(big, 50_000), { parent: null, diffId }),
    (error) =>
      isOrlopError(error, 'resource-exhausted') &&
      error.message.startsWith(`no space left for layer ${diffId} in ${join(disk, 'root/layers')} (`),
  );
  assert.deepEqual(readdirSync(join(disk, 'root/ingest')), []);
  assert.deepEqual(readdirSync(join(disk, 'root/layers')), ['empty']);
  assert.ok(addon.statfs(disk).available >= before - 8, 'the space is free again');
  assert.equal((await store.layers.apply(lease, inPieces(base), { parent: null })).size, 6);
});
