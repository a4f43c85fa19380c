import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FileEntry } from '#wire';
import { formatFiles, formatMode } from './files.ts';

const entry = (change: Partial<FileEntry>): FileEntry => ({
  name: 'file',
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  links: 1,
  sizeBytes: 5,
  modifiedMs: new Date(2026, 0, 2, 3, 4).getTime(),
  target: null,
  device: null,
  ...change,
});

test('modes are written as ls writes them', () => {
  const modes: readonly [FileEntry['type'], number, string][] = [
    ['file', 0o644, '-rw-r--r--'],
    ['directory', 0o1777, 'drwxrwxrwt'],
    ['directory', 0o1776, 'drwxrwxrwT'],
    ['file', 0o4755, '-rwsr-xr-x'],
    ['file', 0o2644, '-rw-r-Sr--'],
    ['symlink', 0o777, 'lrwxrwxrwx'],
    ['character', 0o620, 'crw--w----'],
    ['fifo', 0, 'p---------'],
  ];
  for (const [type, mode, text] of modes) assert.equal(formatMode({ type, mode }), text);
});

test('numbers stand below each other, links say where they lead, devices what they are', () => {
  const text = formatFiles([
    entry({ name: 'bin', type: 'symlink', mode: 0o777, sizeBytes: 7, target: 'usr/bin' }),
    entry({ name: 'null', type: 'character', uid: 1000, device: [1, 3] }),
  ]);
  assert.equal(
    text,
    ['lrwxrwxrwx 1    0 0    7 2026-01-02 03:04 bin -> usr/bin', 'crw-r--r-- 1 1000 0 1, 3 2026-01-02 03:04 null', ''].join('\n'),
  );
});

test('a name cannot drive the terminal of who looks', () => {
  assert.match(formatFiles([entry({ name: 'a\u001B[2Jb\nc' })]), / a\?\[2Jb\?c\n$/);
});
