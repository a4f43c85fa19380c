import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isOrlopError } from '#errors';
import { createDownloads } from '#registry';
import type { Store } from '#store';
import { loadAddon, removeTree } from '#sys';
import { asRoot, openTemporaryStore, runProgram } from '../fixtures/temporary-store.ts';
import { chunksOf, tinyTar } from '../fixtures/tiny-tar.ts';
import { createImages } from '../images.ts';
import type { RunProgram } from '../templates/types.ts';
import type { Image } from '../types.ts';
import { createLxdImages, type LxdImages } from './fetch.ts';

const metadata = {
  'metadata.yaml': `architecture: x86_64
creation_date: 86400
properties: { os: debian, release: "13", description: "Debian 13" }
templates:
  /etc/hostname: { when: [create], template: hostname.tpl }
  /etc/motd: { when: [create], template: motd.tpl }
`,
  'templates/hostname.tpl': '{{ container.name }}',
  'templates/motd.tpl': 'I am {{ container.name }}.',
};
const root = { 'etc/os-release': 'ID=debian', 'sbin/init': 'systemd' };
const unified = tinyTar({ ...metadata, ...Object.fromEntries(Object.entries(root).map(([path, text]) => [`./rootfs/${path}`, text])) });

function lxdOf(store: Store, options: { readonly run?: RunProgram; readonly url?: string } = {}): LxdImages {
  const addon = loadAddon();
  return createLxdImages({
    store,
    images: createImages(store),
    run: options.run ?? runProgram,
    detectInit: (directory) => readFileSync(join(directory, 'sbin/init'), 'utf8'),
    removeTree: (path) => removeTree(addon, path),
    remotes: options.url === undefined ? {} : { lab: { url: options.url } },
    downloads: createDownloads(),
    platform: { os: 'linux', architecture: 'amd64' },
  });
}

/** The files of an image's one layer. */
function filesOf(store: Store, image: Image): string[] {
  assert.equal(image.layers.length, 1);
  const [directory = ''] = store.layers.directories(image.chain ?? assert.fail());
  const all = readdirSync(join(store.root, directory), { recursive: true, withFileTypes: true });
  return all
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name)
    .toSorted();
}

function assertNothingLeft(store: Store): void {
  assert.deepEqual([readdirSync(join(store.root, 'ingest')), store.metadata.images.list()], [[], []]);
}

const bad = (message: RegExp) => (error: unknown) => isOrlopError(error, 'invalid-argument') && message.test(error.message);

describe('an image for LXD', asRoot, () => {
  it('in one file becomes an image for system containers', async () => {
    await using temporary = await openTemporaryStore();
    const image = await lxdOf(temporary.store).import({ metadata: chunksOf(gzipSync(unified)), reference: 'from-lxd' });
    assert.deepEqual(image.names, ['docker.io/library/from-lxd:latest']);
    assert.deepEqual(
      [image.kind, image.init, image.config.architecture, image.config.created],
      ['system', 'systemd', 'amd64', '1970-01-02T00:00:00.000Z'],
    );
    assert.deepEqual(image.config.config?.Cmd, ['/sbin/init']);
    assert.deepEqual(filesOf(temporary.store, image), ['init', 'os-release']);
    const labels = image.config.config?.Labels ?? {};
    assert.deepEqual([labels['orlop.lxd.release'], labels['org.opencontainers.image.description']], ['13', 'Debian 13']);
    assert.equal(labels['orlop.lxd.fingerprint'], createHash('sha256').update(gzipSync(unified)).digest('hex'));
    assert.equal(labels['orlop.first-boot'], '[{"path":"/etc/motd","text":["I am ","."]}]');
    assert.deepEqual(readdirSync(join(temporary.store.root, 'ingest')), []);
  });

  it('in two files is the same, and has a substitute for a name when it was given none', async () => {
    await using temporary = await openTemporaryStore();
    const image = await lxdOf(temporary.store).import({ metadata: chunksOf(tinyTar(metadata)), root: chunksOf(tinyTar(root)) });
    assert.deepEqual(filesOf(temporary.store, image), ['init', 'os-release']);
    assert.equal(image.names.length, 1);
  });

  const squashfs = spawnSync('mksquashfs', ['-version']).status === 0 ? {} : { skip: 'squashfs-tools is not installed' };
  it('with its root as squashfs keeps owners, modes and links', squashfs, async () => {
    await using temporary = await openTemporaryStore();
    const scratch = mkdtempSync(join(tmpdir(), 'orlop-squashfs-'));
    try {
      mkdirSync(join(scratch, 'r/sbin'), { recursive: true });
      writeFileSync(join(scratch, 'r/sbin/init'), 'systemd', { mode: 0o4711 });
      spawnSync('chown', ['12:34', join(scratch, 'r/sbin/init')]);
      spawnSync('chmod', ['4711', join(scratch, 'r/sbin/init')]);
      symlinkSync('/sbin/init', join(scratch, 'r/init'));
      spawnSync('mksquashfs', [join(scratch, 'r'), join(scratch, 'x'), '-noappend', '-quiet']);
      const image = await lxdOf(temporary.store).import({
        metadata: chunksOf(tinyTar(metadata)),
        root: chunksOf(readFileSync(join(scratch, 'x'))),
      });
      const [directory = ''] = temporary.store.layers.directories(image.chain ?? assert.fail());
      const { uid, gid, mode } = lstatSync(join(temporary.store.root, directory, 'sbin/init'));
      assert.deepEqual([uid, gid, mode & 0o7777], [12, 34, 0o4711]);
      assert.ok(lstatSync(join(temporary.store.root, directory, 'init')).isSymbolicLink());
    } finally {
      rmSync(scratch, { recursive: true });
    }
  });

  it('as squashfs is refused with the package to install, and when it is none', async () => {
    await using temporary = await openTemporaryStore();
    const { store } = temporary;
    const squash = (): AsyncIterable<Uint8Array> => chunksOf(Buffer.from(`hsqs${'x'.repeat(2000)}`));
    const missing: RunProgram = () => Promise.reject(Object.assign(new Error('spawn'), { code: 'ENOENT' }));
    await assert.rejects(
      lxdOf(store, { run: missing }).import({ metadata: chunksOf(tinyTar(metadata)), root: squash() }),
      (error) => isOrlopError(error, 'failed-precondition') && (error.hint ?? '').includes('squashfs-tools'),
    );
    const failing: RunProgram = (_file, _args, options) => {
      options?.onLine?.('FATAL ERROR: it is broken');
      return Promise.resolve({ code: 1, stdout: '' });
    };
    await assert.rejects(
      lxdOf(store, { run: failing }).import({ metadata: chunksOf(tinyTar(metadata)), root: squash() }),
      bad(/it is broken/),
    );
    assertNothingLeft(store);
  });

  it('that is none is refused and leaves nothing', async () => {
    await using temporary = await openTemporaryStore();
    const { store } = temporary;
    const cases: readonly (readonly [Parameters<LxdImages['import']>[0], RegExp])[] = [
      [{ metadata: chunksOf(tinyTar({ 'rootfs/a': 'b' })) }, /no metadata\.yaml/],
      [{ metadata: chunksOf(tinyTar(metadata)) }, /no rootfs/],
      [{ metadata: chunksOf(unified), root: chunksOf(tinyTar(root)) }, /holds a root as well/],
      [{ metadata: chunksOf(tinyTar({ 'metadata.yaml': 'architecture: [' })), root: chunksOf(tinyTar(root)) }, /not YAML/],
      [{ metadata: chunksOf(Buffer.from('no tar at all'.repeat(100))) }, /./],
    ];
    for (const [request, message] of cases) await assert.rejects(lxdOf(store).import(request), bad(message));
    await assert.rejects(lxdOf(store).import({ metadata: chunksOf(unified), fingerprint: '0'.repeat(64) }), (error) =>
      isOrlopError(error, 'data-loss'),
    );
    await assert.rejects(lxdOf(store).import({ metadata: chunksOf(unified), signal: AbortSignal.abort() }), (error) =>
      isOrlopError(error, 'cancelled'),
    );
    assertNothingLeft(store);
  });
});

interface LocalStreams extends AsyncDisposable {
  readonly url: string;
  readonly asked: string[];
  /** Changed by tests that want a damaged file. */
  readonly files: Map<string, Buffer>;
}

/** A server with one image. */
async function serveStreams(): Promise<LocalStreams> {
  const asked: string[] = [];
  const [meta, tar] = [gzipSync(tinyTar(metadata)), gzipSync(tinyTar(root))];
  const hex = (...parts: readonly Buffer[]): string => createHash('sha256').update(Buffer.concat(parts)).digest('hex');
  const item = (ftype: string, bytes: Buffer, more: object = {}): object => ({
    ftype,
    path: `x/${ftype}`,
    sha256: hex(bytes),
    size: bytes.length,
    ...more,
  });
  const items = { meta: item('lxd.tar.xz', meta, { combined_rootxz_sha256: hex(meta, tar) }), root: item('root.tar.xz', tar) };
  const products = { 'd:13:amd64': { aliases: 'debian/13', arch: 'amd64', versions: { 1: { items } } } };
  const files = new Map([
    [
      '/streams/v1/index.json',
      Buffer.from(JSON.stringify({ index: { images: { datatype: 'image-downloads', path: 'streams/v1/images.json' } } })),
    ],
    ['/streams/v1/images.json', Buffer.from(JSON.stringify({ products }))],
    ['/x/lxd.tar.xz', meta],
    ['/x/root.tar.xz', tar],
  ]);
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const bytes = files.get(request.url ?? '');
    response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, files, [Symbol.asyncDispose]: close };
}

describe('an image of a remote', asRoot, () => {
  it('is fetched once, and known again by its fingerprint', async () => {
    await using server = await serveStreams();
    await using temporary = await openTemporaryStore();
    const lxd = lxdOf(temporary.store, server);
    assert.deepEqual([lxd.isRemoteName('lab:debian/13'), lxd.isRemoteName('debian:13')], [true, false]);
    const first = await lxd.fetch('lab:debian/13');
    assert.deepEqual([first.name, first.isNew, first.image.names], ['lab/debian:13', true, ['docker.io/lab/debian:13']]);
    assert.deepEqual(filesOf(temporary.store, first.image), ['init', 'os-release']);
    server.asked.length = 0;
    const second = await lxd.fetch('lab:debian/13');
    assert.deepEqual([second.isNew, second.image.id], [false, first.image.id]);
    assert.deepEqual(server.asked, ['/streams/v1/index.json', '/streams/v1/images.json']);
  });

  it('that arrives damaged or not at all leaves nothing, and the file is named', async () => {
    await using server = await serveStreams();
    await using temporary = await openTemporaryStore();
    const lxd = lxdOf(temporary.store, server);
    const whole = server.files.get('/x/root.tar.xz') ?? assert.fail();
    const flipped = Buffer.from(whole);
    flipped.writeUInt8(flipped.readUInt8(20) ^ 1, 20);
    for (const damaged of [whole.subarray(0, -3), Buffer.concat([whole, Buffer.of(0)]), flipped]) {
      server.files.set('/x/root.tar.xz', damaged);
      await assert.rejects(lxd.fetch('lab:debian/13'), (error) => isOrlopError(error, 'data-loss'));
    }
    server.files.delete('/x/root.tar.xz');
    await assert.rejects(
      lxd.fetch('lab:debian/13'),
      (error) => isOrlopError(error, 'not-found') && /^server 127.*x\/root\.tar\.xz/.test(error.message),
    );
    server.files.delete('/streams/v1/index.json');
    await assert.rejects(lxd.fetch('lab:debian/13'), (error) => isOrlopError(error, 'not-found') && error.message.includes('index.json'));
    await assert.rejects(lxd.fetch('other:debian/13'), (error) => isOrlopError(error, 'not-found') && (error.hint ?? '').includes('lab'));
    assertNothingLeft(temporary.store);
  });
});
