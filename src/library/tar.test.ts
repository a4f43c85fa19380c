import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { packFile, unpackFile } from './tar.ts';

async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

async function* cut(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

test('what is packed is unpacked, by GNU tar too', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'orlop-tar-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, size] of [
    ['plain', 1000],
    ['empty', 0],
    ['block', 1024],
    [`${'ü'.repeat(90)}long`, 513],
  ] as const) {
    const content = Buffer.alloc(size, name);
    const header = { name, sizeBytes: size, mode: 0o640, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    const archive = await bytesOf(packFile(header, cut(content, 100)));
    assert.equal(archive.length % 512, 0);
    for (const pieceBytes of [1, 511, 4096]) {
      assert.equal((await bytesOf(unpackFile(cut(archive, pieceBytes), name))).equals(content), true);
    }
    assert.equal(spawnSync('tar', ['-C', folder, '-xpf', '-'], { input: archive }).status, 0);
    assert.equal(readFileSync(join(folder, name)).equals(content), true);
    assert.equal(statSync(join(folder, name)).mode & 0o7777, 0o640);
  }
});

test('archives of GNU tar are read, in its own format and in that of POSIX', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'orlop-tar-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const name = 'n'.repeat(120);
  writeFileSync(join(folder, name), 'content');
  symlinkSync('elsewhere', join(folder, 'link'));
  const tar = (...args: string[]): Buffer => spawnSync('tar', ['-C', folder, ...args, '-cf', '-', name]).stdout;
  assert.equal((await bytesOf(unpackFile(cut(tar('--format=pax'), 700), name))).toString(), 'content');
  const link = spawnSync('tar', ['-C', folder, '-cf', '-', 'link']).stdout;
  await assert.rejects(bytesOf(unpackFile(cut(link, 512), 'link')), { code: 'LIBRARY_NOT_A_FILE' });
});

test('content of another length than was said is no archive', async () => {
  const header = { name: 'n', sizeBytes: 10, mode: 0o600, uid: 0, gid: 0 };
  for (const length of [0, 9, 11]) {
    await assert.rejects(bytesOf(packFile(header, cut(Buffer.alloc(length), 5))), { code: 'LIBRARY_WRONG_SIZE' });
  }
  for (const wrong of [{ sizeBytes: 8 ** 11 }, { uid: -1 }, { gid: 1.5 }, { uid: 8 ** 7 }]) {
    await assert.rejects(bytesOf(packFile({ ...header, ...wrong }, cut(Buffer.alloc(1), 1))), { code: 'LIBRARY_BAD_NUMBER' });
  }
});

test('no bytes make it fail in another way, and none are read without bound', async () => {
  const whole = await bytesOf(
    packFile({ name: 'x'.repeat(150), sizeBytes: 600, mode: 0o600, uid: 0, gid: 0 }, cut(Buffer.alloc(600), 600)),
  );
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), async (at, value, length) => {
      const bytes = Buffer.from(whole.subarray(0, length));
      if (at < length) bytes[at] = value;
      try {
        await bytesOf(unpackFile(cut(bytes, 300), 'x'));
      } catch (error) {
        assert.ok(isOrlopError(error) && error.kind !== 'internal', String(error));
      }
    }),
    { numRuns: 300 },
  );
});
