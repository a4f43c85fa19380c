import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isErrno, isOrlopError } from '#errors';
import { loadAddon } from './load-addon.ts';
import { lockFile } from './lock-file.ts';

const addon = loadAddon();

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-lock-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test('the lock holds the pid, excludes a second holder and is removed with its file', (t) => {
  const path = join(scratch(t), 'engine.pid');
  const lock = lockFile(addon, path);
  assert.equal(readFileSync(path, 'utf8'), `${process.pid}\n`);
  assert.throws(
    () => lockFile(addon, path),
    (error) => isOrlopError(error, 'conflict') && error.message.includes(`process ${process.pid}`),
  );
  lock[Symbol.dispose]();
  lock[Symbol.dispose]();
  assert.equal(existsSync(path), false);
  using again = lockFile(addon, path);
  assert.equal(again.path, path);
});

test('a stale file is no obstacle, a symbolic link is', (t) => {
  const directory = scratch(t);
  writeFileSync(join(directory, 'stale'), '999999999\nand more text than a pid has\n');
  using stale = lockFile(addon, join(directory, 'stale'));
  assert.equal(readFileSync(stale.path, 'utf8'), `${process.pid}\n`);
  symlinkSync('stale', join(directory, 'link'));
  assert.throws(
    () => lockFile(addon, join(directory, 'link')),
    (error) => isErrno(error, 'ELOOP'),
  );
});

test('the lock dies with its process, however it ends', async (t) => {
  const path = join(scratch(t), 'engine.pid');
  const program = `
    const { loadAddon, lockFile } = await import(${JSON.stringify(join(import.meta.dirname, 'index.ts'))});
    globalThis.lock = lockFile(loadAddon(), ${JSON.stringify(path)});
    console.log('locked');
    setInterval(() => {}, 1 << 30);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  assert.throws(
    () => lockFile(addon, path),
    (error) => isOrlopError(error, 'conflict') && error.message.includes(`process ${child.pid}`),
  );
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(existsSync(path), true);
  lockFile(addon, path)[Symbol.dispose]();
});
