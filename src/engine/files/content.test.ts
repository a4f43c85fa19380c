import assert from 'node:assert/strict';
import { closeSync, constants, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { loadAddon, O_TMPFILE, type Addon } from '#sys';
import { writeContent } from './content.ts';
import type { ContainerRoot } from './root.ts';

async function* bytes(...pieces: readonly string[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield Buffer.from(piece);
}

async function* broken(): AsyncGenerator<Buffer> {
  yield Buffer.from('half');
  throw new Error('the client left');
}

describe('writing a file', { skip: process.getuid?.() === 0 ? false : 'needs root: owners are set' }, () => {
  const addon = loadAddon();
  /** As where the file system makes no files without a name, such as vfat. */
  const plain: Addon = {
    ...addon,
    openat2(directory, path, flags, mode, resolve) {
      if ((flags & O_TMPFILE) === O_TMPFILE)
        throw Object.assign(new Error('openat2'), { code: 'EOPNOTSUPP', errno: 95, syscall: 'openat2' });
      return addon.openat2(directory, path, flags, mode, resolve);
    },
  };
  let directory = '';
  let root: ContainerRoot;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'orlop-content-'));
    const descriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    root = { descriptor, first: 0, count: 2 ** 32 - 1, [Symbol.dispose]: () => closeSync(descriptor) };
  });
  after(() => {
    root[Symbol.dispose]();
    rmSync(directory, { recursive: true });
  });

  for (const [name, use] of [
    ['files without a name', addon],
    ['no files without a name', plain],
  ] as const) {
    test(`is whole or not at all on a file system with ${name}`, async () => {
      const place = { path: '/file', container: 'box', options: { uid: 7, mode: 0o640 }, check: () => {} };
      await writeContent(use, root, bytes('one ', 'two'), place);
      assert.equal(readFileSync(join(directory, 'file'), 'utf8'), 'one two');
      await assert.rejects(writeContent(use, root, broken(), place), /the client left/);
      assert.equal(readFileSync(join(directory, 'file'), 'utf8'), 'one two');
      const { uid, mode } = statSync(join(directory, 'file'));
      assert.deepEqual([uid, mode & 0o7777, readdirSync(directory)], [7, 0o640, ['file']]);
      rmSync(join(directory, 'file'));
    });
  }

  test('what is not said of it stays as it was', async () => {
    writeFileSync(join(directory, 'kept'), 'before');
    await writeContent(addon, root, bytes('a'), {
      path: '/kept',
      container: 'box',
      options: { uid: 3, gid: 4, mode: 0o4711 },
      check: () => {},
    });
    await writeContent(addon, root, bytes('b'), { path: '/kept', container: 'box', options: {}, check: () => {} });
    const { uid, gid, mode } = statSync(join(directory, 'kept'));
    assert.deepEqual([uid, gid, mode & 0o7777], [3, 4, 0o4711]);
  });
});
