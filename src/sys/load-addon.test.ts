import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { isOrlopError } from '#errors';
import { loadAddon } from './load-addon.ts';

const addonFile = join(import.meta.dirname, '../../build/sys.node');

test('a missing addon and one that is no addon are told apart', (t) => {
  assert.throws(
    () => loadAddon('/no/such/sys.node'),
    (error) => isOrlopError(error, 'failed-precondition') && error.code === 'SYS_ADDON_MISSING' && error.hint !== undefined,
  );
  const directory = mkdtempSync(join(tmpdir(), 'orlop-addon-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'sys.node'), 'not an object');
  assert.throws(
    () => loadAddon(join(directory, 'sys.node')),
    (error) => isOrlopError(error, 'failed-precondition') && error.code === 'SYS_ADDON_UNUSABLE',
  );
});

test('what the kernel said about a refused mount reaches the message', { skip: process.getuid?.() !== 0 && 'needs root' }, async () => {
  const addon = loadAddon();
  assert.throws(
    () => addon.mountDetached('tmpfs', [['nonsense', 'x']], 0),
    /^ErrnoError: fsconfig tmpfs: EINVAL \(tmpfs: Unknown parameter 'nonsense'\)$/,
  );
  await assert.rejects(
    addon.mountOverlay([['nonsense', null]], 0, 0, 0),
    // Before Linux 6.5 overlay says it to the kernel's log alone.
    /^ErrnoError: fsconfig overlay: EINVAL( \(overlay: Unknown parameter 'nonsense'\))?$/,
  );
});

test('a worker that ends with watches and mounts in flight takes its threads with it', async () => {
  loadAddon();
  const threads = (): number => readdirSync('/proc/self/task').length;
  const descriptors = (): number => readdirSync('/proc/self/fd').length;
  const program = `
    const { loadAddon } = await import(${JSON.stringify(import.meta.resolve('./load-addon.ts'))});
    const addon = loadAddon();
    const [a, b] = addon.socketPair();
    for (let i = 0; i < 50; i++) addon.whenReadable(a, true, () => {});
    for (let i = 0; i < 10; i++) addon.mountOverlay([['nonsense', null]], 0, 1, 1).catch(() => {});
    addon.sendDescriptors(b, Buffer.from('x'), []);
    addon.close(a);
    addon.close(b);
    process.exit(7);`;
  const run = (): Promise<number> =>
    new Promise((resolve) => new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`)).once('exit', resolve));
  assert.equal(await run(), 7);
  const before = [threads(), descriptors()];
  for (let round = 0; round < 5; round++) assert.equal(await run(), 7);
  assert.deepEqual([threads(), descriptors()], before);
});

test('a thrown callback is an uncaught exception like any other', () => {
  const program = `
    const { loadAddon } = await import(${JSON.stringify(import.meta.resolve('./load-addon.ts'))});
    const addon = loadAddon();
    const [a, b] = addon.socketPair();
    process.on('uncaughtException', (error) => { console.log('caught', error.message); });
    addon.whenReadable(a, true, () => { throw new Error('from a callback'); });
    addon.whenReadable(a, true, () => console.log('the other'));
    addon.sendDescriptors(b, Buffer.from('x'), []);`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', timeout: 20_000 });
  assert.equal(run.stderr, '');
  assert.deepEqual(run.stdout.trim().split('\n').sort(), ['caught from a callback', 'the other']);
});

test('a watch that does not keep alive lets the process end', () => {
  const program = `
    const { loadAddon } = await import(${JSON.stringify(import.meta.resolve('./load-addon.ts'))});
    const addon = loadAddon();
    addon.whenReadable(addon.socketPair()[0], false, () => {});
    const kept = addon.whenReadable(addon.socketPair()[0], true, () => {});
    setImmediate(() => kept.cancel());`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', timeout: 20_000 });
  assert.deepEqual([run.status, run.signal, run.stderr], [0, null, '']);
});

test('Bun loads the same file', (t) => {
  const bun = join(import.meta.dirname, `../../node_modules/@oven/bun-linux-${process.arch === 'arm64' ? 'aarch64' : 'x64'}/bin/bun`);
  if (!existsSync(bun)) return t.skip('Bun is not installed');
  const program = `
    const addon = require(${JSON.stringify(addonFile)});
    const [a, b] = addon.socketPair();
    addon.sendDescriptors(b, Buffer.from('hi'), [addon.memfd('x', Buffer.from('x'))]);
    addon.whenReadable(a, true, () => {
      const got = addon.receiveDescriptors(a, 10, 5, 1000);
      const child = addon.spawn('/bin/sh', ['sh', '-c', 'exit 4'], [], [-1, -1, -1], false);
      addon.whenReadable(child.pidfd, true, () => console.log(got.data.toString(), got.descriptors.length, addon.reap(child.pidfd).status));
    });
    try { addon.openat2(-100, '/nope', 0, 0, 0); } catch (error) { console.log(error.code, error.path); }
    addon.mountOverlay([['nonsense', null]], 0, 0, 0).catch((error) => console.log(error instanceof Error));`;
  const run = spawnSync(bun, ['-e', program], { encoding: 'utf8', timeout: 30_000 });
  assert.equal(run.stderr, '');
  assert.deepEqual(run.stdout.trim().split('\n').sort(), ['ENOENT /nope', 'hi 1 1024', 'true']);
});
