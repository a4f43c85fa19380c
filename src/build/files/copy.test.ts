import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  constants,
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { parseIgnoreFile } from '#ignore';
import { loadAddon } from '#sys';
import { copySelected, type CopyOptions } from './copy.ts';
import { digestSelected } from './digest.ts';
import { type ReadTree, readTree } from './read-tree.ts';
import { type Selected, selectBelow, selectSources } from './select.ts';
import type { FileTree } from './tree.ts';
import { unpackTar } from './unpack.ts';

/** `pivot/./pattern` is meant for `--parents`. */
function select(tree: ReadTree, source: string): Selected[] {
  const [pivot = '', pattern] = source.split('/./');
  return pattern === undefined ? selectSources(tree, source) : selectBelow(tree, pivot, pattern);
}

const skip = process.getuid?.() === 0 ? {} : { skip: 'needs root: owners are set' };

describe('files between two trees', skip, () => {
  const addon = loadAddon();
  let top: string;
  let outside: string;

  const inTree = async <Result>(path: string, work: (tree: FileTree) => Promise<Result> | Result): Promise<Result> => {
    const root = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      return await work({ addon, root });
    } finally {
      closeSync(root);
    }
  };
  const copy = (sources: readonly string[], options: CopyOptions): Promise<void> =>
    inTree(join(top, 'from'), (from) =>
      inTree(join(top, 'to'), (to) =>
        copySelected(
          from,
          sources.flatMap((source) => select(readTree(from), source)),
          to,
          options,
        ),
      ),
    );
  const digest = (...sources: string[]): Promise<string> =>
    inTree(join(top, 'from'), (from) =>
      digestSelected(
        readTree(from),
        sources.flatMap((source) => selectSources(readTree(from), source)),
      ),
    );
  const list = (): string =>
    execFileSync('find', ['.', '-mindepth', '1', '-printf', '%P %y %l\n'], { cwd: join(top, 'to'), encoding: 'utf8' });
  const shown = (): string[] =>
    list()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.trim())
      .sort();
  const at = (...parts: string[]): string => join(top, ...parts);

  beforeEach(() => {
    top = mkdtempSync(join(tmpdir(), 'orlop-copy-'));
    outside = mkdtempSync(join(tmpdir(), 'orlop-outside-'));
    for (const path of ['from/d/sub', 'from/e', 'to']) mkdirSync(at(path), { recursive: true });
    writeFileSync(at('from/d/f'), 'f');
    writeFileSync(at('from/d/sub/g'), 'g');
    writeFileSync(at('from/e/one.txt'), '1');
    writeFileSync(at('from/e/two.txt'), '2');
    writeFileSync(at('from/e/three.md'), '3');
  });

  afterEach(() => {
    for (const path of [top, outside]) rmSync(path, { recursive: true });
  });

  test('of a directory comes what is in it, into what is there or is made', async () => {
    await copy(['d'], { target: '/x/y' });
    assert.deepEqual(shown(), ['x d', 'x/y d', 'x/y/f f', 'x/y/sub d', 'x/y/sub/g f']);
  });

  test('a file gets the name of the target, or goes into it when it is a directory', async () => {
    mkdirSync(at('to/there'));
    await copy(['d/f'], { target: '/new' });
    await copy(['d/f'], { target: '/there' });
    await copy(['d/f'], { target: '/made/' });
    assert.deepEqual(shown(), ['made d', 'made/f f', 'new f', 'there d', 'there/f f']);
  });

  test('patterns, and directories that climb no higher than the top', async () => {
    await copy(['e/*.txt', '../../d/f'], { target: '/z/' });
    assert.deepEqual(shown(), ['z d', 'z/f f', 'z/one.txt f', 'z/two.txt f']);
    await inTree(at('from'), (tree) => {
      const from = readTree(tree);
      assert.deepEqual(
        selectSources(from, '**/g').map(({ path }) => path),
        [],
      );
      assert.deepEqual(
        selectSources(from, '**/**/g').map(({ path }) => path),
        ['d/sub/g'],
      );
      assert.deepEqual(selectSources(from, 'none*'), []);
      assert.throws(
        () => selectSources(from, 'none'),
        (error) => isOrlopError(error, 'not-found'),
      );
    });
  });

  test('what is left out, and parents that are kept', async () => {
    await copy(['e'], { target: '/a/', exclude: parseIgnoreFile('*.txt\n!two.txt') });
    await copy(['d/./sub/g'], { target: '/b/', parents: true });
    assert.deepEqual(shown(), ['a d', 'a/three.md f', 'a/two.txt f', 'b d', 'b/sub d', 'b/sub/g f']);
  });

  test('parents are kept from the pivot on, with the modes that they have there', async () => {
    mkdirSync(at('from/e/deep/er'), { recursive: true, mode: 0o711 });
    writeFileSync(at('from/e/deep/er/four.txt'), '4');
    await copy(['*/./**/*.txt'], { target: '/a/', parents: true });
    await copy(['e/./deep'], { target: '/b', parents: true, exclude: parseIgnoreFile('deep/er') });
    await copy(['/./none*'], { target: '/c', parents: true });
    const found = shown();
    assert.deepEqual(found.slice(0, 6), ['a d', 'a/deep d', 'a/deep/er d', 'a/deep/er/four.txt f', 'a/one.txt f', 'a/two.txt f']);
    assert.deepEqual(found.slice(6), ['b d', 'b/deep d', 'c d']);
    assert.equal(lstatSync(at('to/a/deep/er')).mode & 0o777, 0o711);
    await assert.rejects(copy(['e/./none'], { target: '/d', parents: true }), /"\/e\/none": not found/);
  });

  test('owner, mode and time of all that is copied', async () => {
    await copy(['d'], {
      target: '/o',
      owner: { uid: 7, gid: 8 },
      mode: (_mode, isDirectory) => (isDirectory ? 0o711 : 0o600),
      timeNs: 5_000_000_000n,
    });
    for (const [path, mode] of [
      ['o/f', 0o600],
      ['o/sub', 0o711],
      ['o/sub/g', 0o600],
    ] as const) {
      const facts = lstatSync(at('to', path));
      assert.deepEqual([facts.uid, facts.gid, facts.mode & 0o777, facts.mtimeMs], [7, 8, mode, 5000], path);
    }
    assert.equal(lstatSync(at('to/o')).mode & 0o777, 0o711);
  });

  test('one file with two names stays one file', async () => {
    execFileSync('ln', [at('from/d/f'), at('from/d/sub/also')]);
    await copy(['d'], { target: '/h' });
    assert.equal(lstatSync(at('to/h/f')).ino, lstatSync(at('to/h/sub/also')).ino);
  });

  test('links inside stay links; one that is named, or is the target, is followed', async () => {
    symlinkSync('f', at('from/d/link'));
    mkdirSync(at('to/real'));
    symlinkSync('/real', at('to/ln'));
    symlinkSync('/real/later', at('to/dangling'));
    await copy(['d'], { target: '/in' });
    await copy(['d/link'], { target: '/named' });
    await copy(['d/f'], { target: '/ln' });
    await copy(['d/f'], { target: '/dangling' });
    assert.equal(readlinkSync(at('to/in/link')), 'f');
    assert.ok(lstatSync(at('to/named')).isFile());
    assert.ok(lstatSync(at('to/real/f')).isFile());
    assert.ok(lstatSync(at('to/real/later')).isFile());
  });

  test('no link of either tree leads out of it', async () => {
    writeFileSync(join(outside, 'secret'), 'secret');
    symlinkSync(join(outside, 'secret'), at('from/leak'));
    symlinkSync(outside, at('to/out'));
    symlinkSync(`../../../../../../..${outside}`, at('to/up'));
    await assert.rejects(copy(['leak'], { target: '/got' }), (error) => isOrlopError(error, 'not-found'));
    await copy(['d/f'], { target: '/out/f' });
    await copy(['d/f'], { target: '/up/g' });
    assert.deepEqual(execFileSync('ls', [outside], { encoding: 'utf8' }), 'secret\n');
    assert.equal(readFileSync(at('to', outside, 'f'), 'utf8'), 'f');
  });

  test('one kind takes the place of another where that is asked for, with all that was in it', async () => {
    mkdirSync(at('to/o/f/full'), { recursive: true });
    symlinkSync(outside, at('to/o/sub'));
    writeFileSync(join(outside, 'kept'), '');
    await copy(['d'], { target: '/o', replace: true });
    assert.deepEqual(shown(), ['o d', 'o/f f', 'o/sub d', 'o/sub/g f']);
    assert.ok(lstatSync(join(outside, 'kept')).isFile());
  });

  test('what an archive has takes the place of what is there: directories with all that is in them, links to directories', async () => {
    mkdirSync(at('to/t/d/f/full'), { recursive: true });
    symlinkSync(outside, at('to/t/d/sub'));
    writeFileSync(join(outside, 'kept'), '');
    const tar = execFileSync('tar', ['-cf', '-', '-C', at('from'), 'd']);
    await inTree(at('to'), (to) => unpackTar(to, pieces(tar), { target: '/t' }));
    assert.deepEqual(shown(), ['t d', 't/d d', 't/d/f f', 't/d/sub d', 't/d/sub/g f']);
    assert.deepEqual(execFileSync('ls', [outside], { encoding: 'utf8' }), 'kept\n');
  });

  test('a directory does not replace a file or a link, nor a file a directory', async () => {
    mkdirSync(at('to/o'));
    writeFileSync(at('to/o/sub'), '');
    await assert.rejects(copy(['d'], { target: '/o' }), /cannot copy to non-directory: \/o\/sub/);
    mkdirSync(at('to/p/f'), { recursive: true });
    await assert.rejects(copy(['d'], { target: '/p' }), /cannot replace to directory \/p\/f with file/);
  });

  test('the digest is of names, modes, owners and content, not of time', async () => {
    const before = await digest('d', 'e/*');
    execFileSync('touch', ['-d', '2001-01-01', at('from/d/f'), at('from/e')]);
    assert.equal(await digest('d', 'e/*'), before);
    for (const change of [
      'chmod 600 d/f',
      'chmod 644 d/f; chown 9 d/f',
      'chown 0 d/f; echo x > d/f',
      'echo -n f > d/f; mv d/f d/F',
      'mv d/F d/f; mkdir d/empty',
    ]) {
      execFileSync('sh', ['-c', change], { cwd: at('from') });
      assert.notEqual(await digest('d', 'e/*'), before, change);
    }
    rmSync(at('from/d/empty'), { recursive: true });
    assert.equal(await digest('d', 'e/*'), before);
  });

  test('an archive is unpacked inside the tree, however it is packed; one that climbs is refused', async () => {
    for (const flag of ['', 'z', 'j', 'J']) {
      const tar = execFileSync('tar', [`-c${flag}f`, '-', '-C', at('from'), 'd']);
      await inTree(at('to'), (to) => unpackTar(to, pieces(tar), { target: `/t${flag}` }));
      assert.equal(readFileSync(at('to', `t${flag}`, 'd/sub/g'), 'utf8'), 'g');
    }
    const climbing = execFileSync('tar', ['-cPf', '-', '--transform', 's,^d,../../d,', '-C', at('from'), 'd/f']);
    await assert.rejects(
      inTree(at('to'), (to) => unpackTar(to, pieces(climbing), { target: '/t' })),
      (error) => isOrlopError(error, 'invalid-argument'),
    );
    symlinkSync(outside, at('from/way'));
    const led = execFileSync('tar', ['-cf', '-', '-C', at('from'), 'way']);
    const file = execFileSync('tar', ['-cf', '-', '--transform', 's,^d/f,way/f,', '-C', at('from'), 'd/f']);
    await inTree(at('to'), async (to) => {
      await unpackTar(to, pieces(led), { target: '/w' });
      await unpackTar(to, pieces(file), { target: '/w' });
    });
    assert.equal(execFileSync('ls', [outside], { encoding: 'utf8' }), '');
  });
});

async function* pieces(data: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += 777) yield data.subarray(at, at + 777);
}
