import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, cpSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { parseIgnoreFile } from '#ignore';
import { toByteText } from '#store';
import { loadAddon } from '#sys';
import { copySelected } from './copy.ts';
import { type CopyLayerOptions, planCopyLayer } from './copy-layer.ts';
import { digestSelected } from './digest.ts';
import { listTar } from './list-tar.ts';
import type { Listing } from './listing.ts';
import { parseMode } from './mode.ts';
import { readTree } from './read-tree.ts';
import { selectSources } from './select.ts';
import { unpackTar } from './unpack.ts';

const skip = process.getuid?.() === 0 ? {} : { skip: 'needs root: owners are set' };

describe('an archive that is listed and not unpacked', skip, () => {
  const addon = loadAddon();
  let top: string;
  let open: number[];
  const at = (...parts: string[]): string => join(top, ...parts);
  const treeAt = (path: string): { addon: typeof addon; root: number } => {
    const root = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    open.push(root);
    return { addon, root };
  };
  const tarOf = async function* (path: string): AsyncGenerator<Uint8Array> {
    yield execFileSync('tar', ['-C', path, '--format=pax', '--owner=0', '--group=0', '--xattrs', '-cf', '-', '.'], { maxBuffer: 1 << 28 });
  };
  const list = async (path: string): Promise<Listing> => {
    const file = openSync(at(`contents-${open.length}`), 'wx+');
    open.push(file);
    return listTar(tarOf(path), file);
  };
  const shown = (path: string): string =>
    execFileSync('sh', ['-c', "find . -mindepth 1 -printf '%P %y %m %U:%G %l %n\n' | sort; find . -type f -exec sha256sum {} + | sort"], {
      cwd: path,
      encoding: 'utf8',
    });

  beforeEach(() => {
    open = [];
    top = mkdtempSync(join(tmpdir(), 'orlop-listing-'));
    for (const path of ['from/d/sub/empty', 'from/e', 'root/etc', 'root/app/d/sub']) mkdirSync(at(path), { recursive: true });
    writeFileSync(at('from/d/f'), 'f'.repeat(700_000));
    writeFileSync(at('from/d/sub/g'), 'g', { mode: 0o755 });
    writeFileSync(at('from/e/one.txt'), '1');
    writeFileSync(at('from/e/empty.md'), '');
    writeFileSync(at('from/däta ü'), 'name');
    execFileSync(
      'sh',
      ['-c', 'ln d/sub/g e/again; mkfifo e/pipe; ln -s ../d/sub e/link; ln -s nowhere dangling; ln -s /e/one.txt absolute; chmod 1777 e'],
      { cwd: at('from') },
    );
    writeFileSync(at('root/app/d/f'), 'old');
    writeFileSync(at('root/app/d/sub/kept'), 'kept');
    writeFileSync(at('root/etc/passwd'), 'x');
    symlinkSync('../etc', at('root/app/link'));
  });
  afterEach(() => {
    for (const descriptor of open) closeSync(descriptor);
    rmSync(top, { recursive: true, force: true });
  });

  test('has the digest that it has unpacked, wherever one looks', async () => {
    const listing = await list(at('from'));
    mkdirSync(at('unpacked'));
    const unpacked = treeAt(at('unpacked'));
    await unpackTar(unpacked, tarOf(at('from')), { target: '/', owner: { uid: 0, gid: 0 } });
    for (const source of ['/', 'd', 'e/*', '**/g', 'e/link', 'absolute', '../../d/f', 'd*']) {
      const [one, other] = [listing, readTree(unpacked)].map((tree) => digestSelected(tree, selectSources(tree, source)));
      assert.equal(await one, await other, source);
    }
    for (const missing of ['x', 'dangling', 'e/one.txt/x', 'd/sub/h'])
      assert.throws(
        () => selectSources(listing, missing),
        (error) => isOrlopError(error, 'not-found'),
        missing,
      );
  });

  test('is the same when it is packed and unpacked after all', async () => {
    const listing = await list(at('from'));
    mkdirSync(at('again'));
    await unpackTar(treeAt(at('again')), listing.pack(), { target: '/', owner: { uid: 0, gid: 0 } });
    assert.equal(shown(at('again')), shown(at('from')));
  });

  /** What both ways make of the same COPY on the same root. null: only the writable root does it. */
  const both = async (
    sources: readonly string[],
    options: Partial<CopyLayerOptions> & { target: string },
  ): Promise<[string | null, string]> => {
    const listing = await list(at('from'));
    const full: CopyLayerOptions = { owner: { uid: 5, gid: 6 }, nowNs: 0n, ...options };
    cpSync(at('root'), at('packed'), { recursive: true, verbatimSymlinks: true });
    cpSync(at('root'), at('copied'), { recursive: true, verbatimSymlinks: true });
    const selected = sources.flatMap((source) => selectSources(listing, source));
    const layer = await planCopyLayer(listing, selected, readTree(treeAt(at('root'))), full);
    if (layer !== null) {
      for await (const chunk of layer.pack()) writeFileSync(at('layer.tar'), chunk, { flag: 'a' });
      execFileSync('tar', ['-C', at('packed'), '--xattrs', '--numeric-owner', '-xpf', at('layer.tar')]);
    }
    mkdirSync(at('unpacked'));
    const from = treeAt(at('unpacked'));
    await unpackTar(from, listing.pack(), { target: '/', owner: { uid: 0, gid: 0 } });
    await copySelected(from, selected, treeAt(at('copied')), full);
    return [layer === null ? null : shown(at('packed')), shown(at('copied'))];
  };

  const table: readonly (readonly [what: string, sources: readonly string[], options: Partial<CopyLayerOptions> & { target: string }])[] = [
    ['all into a directory that is not there', ['.'], { target: '/new/place' }],
    ['all over what is there', ['.'], { target: '/app' }],
    ['all to the top', ['/'], { target: '/' }],
    ['a directory beside another', ['d', 'e'], { target: '/app/' }],
    ['a file as another name', ['d/f'], { target: '/app/renamed' }],
    ['a file over a file', ['d/sub/g'], { target: '/app/d/f' }],
    ['a file into a directory', ['e/one.txt'], { target: '/etc' }],
    ['a file that a link names', ['absolute'], { target: '/x' }],
    ['files of a pattern', ['e/*.txt', 'd*'], { target: '/many/' }],
    ['without what is excluded', ['.'], { target: '/some', exclude: parseIgnoreFile('**/*.md\nd/sub\n!d/sub/g') }],
    ['with another mode', ['.'], { target: '/modes', mode: parseMode('u=rwX,go=rX') }],
    ['with a time', ['.'], { target: '/times', timeNs: 1_000_000_000n }],
  ];
  for (const [what, sources, options] of table) {
    test(`as a layer is what copying writes: ${what}`, async () => {
      const [packed, copied] = await both(sources, options);
      assert.notEqual(packed, null);
      assert.equal(packed, copied);
    });
  }

  test('a layer is not planned where links or other kinds are in the way', async () => {
    const listing = await list(at('from'));
    const root = readTree(treeAt(at('root')));
    for (const [source, target] of [
      ['d/f', '/app/link/f'],
      ['d/f', '/app/link'],
      ['d', '/etc/passwd'],
      ['d/f', '/etc/passwd/x'],
    ] as const) {
      const plan = await planCopyLayer(listing, selectSources(listing, source), root, { target, owner: { uid: 0, gid: 0 }, nowNs: 0n });
      assert.equal(plan, null, `${source} ${target}`);
    }
  });

  test('nothing is a layer without anything', async () => {
    const listing = await list(at('from'));
    const options = { target: '/app', owner: { uid: 0, gid: 0 }, nowNs: 0n };
    const root = readTree(treeAt(at('root')));
    assert.equal((await planCopyLayer(listing, selectSources(listing, 'd/sub/empty'), root, options))?.isEmpty, true);
    assert.equal((await planCopyLayer(listing, selectSources(listing, 'none*'), root, options))?.isEmpty, true);
    assert.equal((await planCopyLayer(listing, selectSources(listing, 'd/sub/empty'), root, { ...options, target: '/q' }))?.isEmpty, false);
  });

  test('names that climb, and files below files, are refused', async () => {
    for (const script of [
      'tar -cf - --transform s,one,../../one, -C e one.txt',
      'tar -cf - --transform s,e/one.txt,d/f/x, d/f e/one.txt',
    ]) {
      const file = openSync(at(`bad-${open.length}`), 'wx+');
      open.push(file);
      const tar = execFileSync('sh', ['-c', script.replace('-cf', '-P -cf')], { cwd: at('from') });
      await assert.rejects(
        listTar(
          (async function* () {
            yield tar;
          })(),
          file,
        ),
        (error) => isOrlopError(error, 'invalid-argument'),
      );
    }
  });

  test('a name that was taken away is not found, and its directory stays', async () => {
    const listing = await list(at('from'));
    listing.remove(toByteText('e/one.txt'));
    listing.remove(toByteText('e'));
    assert.equal(listing.find(toByteText('e/one.txt')), null);
    assert.notEqual(listing.find(toByteText('e')), null);
  });

  test('contents are read whole in any order', async () => {
    const listing = await list(at('from'));
    for (const path of ['e/one.txt', 'd/f', 'd/sub/g', 'e/one.txt', 'däta ü']) {
      const chunks: Buffer[] = [];
      const node = listing.find(toByteText(path));
      assert.ok(node);
      for await (const chunk of node.content()) chunks.push(chunk);
      assert.equal(Buffer.concat(chunks).toString(), readFileSync(at('from', path), 'utf8'));
    }
  });
});
