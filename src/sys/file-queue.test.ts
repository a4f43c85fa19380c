import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { ErrnoError, isErrno } from '#errors';
import type { FileQueue } from './addon.ts';
import { AT_FDCWD, O_DIRECTORY, O_PATH } from './constants.ts';
import { loadAddon } from './load-addon.ts';

const addon = loadAddon();
const [uid, gid] = process.getuid?.() === 0 ? [7, 8] : [process.getuid?.() ?? 0, process.getgid?.() ?? 0];

interface Place {
  readonly path: string;
  readonly fd: number;
  readonly queue: FileQueue;
}

function openPlace(t: TestContext, threads = 2): Place {
  const path = mkdtempSync(join(tmpdir(), 'orlop-file-queue-'));
  const fd = addon.openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, 0);
  const queue = addon.openFileQueue(threads);
  t.after(() => {
    closeQuietly(queue);
    addon.close(fd);
    rmSync(path, { recursive: true, force: true });
  });
  return { path, fd, queue };
}

function closeQuietly(queue: FileQueue): void {
  try {
    addon.closeFileQueue(queue);
  } catch (error) {
    if (!isErrno(error, 'EBADF')) throw error;
  }
}

function add({ fd, queue }: Place, name: string, data: Uint8Array, mode = 0o644): void {
  addon.queueFile(queue, fd, name, `label of ${name}`, mode);
  addon.queueData(queue, data, 0);
  addon.endQueuedFile(queue, data.length, mode, uid, gid, 1_000_000_001n);
}

const descriptors = (): number => readdirSync('/proc/self/fd').length;
const threads = (): number => readdirSync('/proc/self/task').length;

test('a file has data, holes, owner, mode and time, whatever umask and directory say', (t) => {
  const { path, fd, queue } = openPlace(t);
  chmodSync(path, 0o2755);
  addon.queueFile(queue, fd, 'whole', 'whole', 0o4777);
  addon.queueData(queue, Buffer.from('content'), 0);
  addon.queueData(queue, Buffer.from('after a hole'), 500_000);
  addon.endQueuedFile(queue, 1_000_000, 0o4777, uid, gid, -1_000_000_001n);
  addon.queueFile(queue, fd, Buffer.from([0x66, 0xff]), 'f\xff', 0o600);
  addon.endQueuedFile(queue, 0, 0o600, uid, gid, 5n);
  addon.drainFileQueue(queue);
  const facts = addon.fstatat(fd, 'whole', 0);
  assert.deepEqual([facts.mode, facts.uid, facts.gid, facts.size, facts.mtimeNs], [0o104_777, uid, gid, 1_000_000, -1_000_000_001n]);
  assert.ok(facts.blocks * 512 < 100_000, 'the holes take no room');
  const content = readFileSync(join(path, 'whole'));
  assert.deepEqual([content.toString('latin1', 0, 8), content.toString('latin1', 500_000, 500_013)], ['content\0', 'after a hole\0']);
  assert.equal(addon.fstatat(fd, Buffer.from([0x66, 0xff]), 0).mtimeNs, 5n);
});

test('a name is there at once, and what has it already is left alone', (t) => {
  const place = openPlace(t);
  const { path, fd, queue } = place;
  symlinkSync('/dev/null', join(path, 'link'));
  const begin = (name: string) => (): void => addon.queueFile(queue, fd, name, name, 0o644);
  begin('first')();
  assert.equal(statSync(join(path, 'first')).size, 0);
  assert.throws(begin('second'), (error) => isErrno(error, 'EBUSY'), 'one after the other');
  addon.endQueuedFile(queue, 0, 0o644, uid, gid, 0n);
  for (const name of ['first', 'link']) assert.throws(begin(name), (error) => isErrno(error, 'EEXIST'), name);
  assert.throws(begin('a/b'), (error) => isErrno(error, 'EINVAL'), 'a path');
  assert.throws(begin('.'), (error) => isErrno(error, 'EISDIR', 'EEXIST'), 'the directory');
  assert.throws(
    () => addon.queueData(queue, Buffer.alloc(1), 0),
    (error) => isErrno(error, 'EBADF'),
    'no file',
  );
  add(place, 'last', Buffer.from('x'));
  addon.drainFileQueue(queue);
  assert.equal(readFileSync(join(path, 'last'), 'utf8'), 'x');
});

test('many files come out whole, and few of them are open at a time', (t) => {
  const place = openPlace(t, 4);
  const before = descriptors();
  const data = Buffer.alloc(100_000, 'some text, ');
  let most = 0;
  for (let at = 0; at < 2000; at += 1) {
    add(place, `file${at}`, data.subarray(0, (at * 7919) % data.length));
    if (at % 50 === 0) most = Math.max(most, descriptors());
  }
  addon.drainFileQueue(place.queue);
  assert.ok(most - before <= 260, `${most - before} were open`);
  assert.equal(descriptors(), before);
  for (let at = 0; at < 2000; at += 1) {
    assert.ok(readFileSync(join(place.path, `file${at}`)).equals(data.subarray(0, (at * 7919) % data.length)), `file${at}`);
  }
});

test('a file larger than the queue comes out whole', (t) => {
  const { path, fd, queue } = openPlace(t, 3);
  const piece = Buffer.alloc(1024 * 1024);
  addon.queueFile(queue, fd, 'large', 'large', 0o644);
  for (let at = 0; at < 48; at += 1) addon.queueData(queue, piece.fill(at + 1), at * piece.length);
  addon.endQueuedFile(queue, 48 * piece.length, 0o644, uid, gid, 3n);
  addon.drainFileQueue(queue);
  const content = readFileSync(join(path, 'large'));
  assert.equal(content.length, 48 * piece.length);
  for (let at = 0; at < 48; at += 1)
    assert.ok(content.subarray(at * piece.length, (at + 1) * piece.length).equals(piece.fill(at + 1)), `piece ${at}`);
  assert.equal(addon.fstatat(fd, 'large', 0).mtimeNs, 3n);
});

test('the first failure names its file, comes again each time, and ends the writing', (t) => {
  const place = openPlace(t);
  const { path, fd, queue } = place;
  for (let at = 0; at < 100; at += 1) add(place, `good${at}`, Buffer.from('x'));
  addon.queueFile(queue, fd, 'bad', 'label of bad', 0o644);
  const isBad = (error: unknown): boolean =>
    error instanceof ErrnoError && error.errno === 'EINVAL' && error.syscall === 'write' && error.path === 'label of bad';
  // No file has bytes before its start.
  addon.queueData(queue, Buffer.from('x'), -1);
  assert.throws(() => addon.drainFileQueue(queue), isBad);
  assert.throws(() => addon.endQueuedFile(queue, 0, 0o644, uid, gid, 0n), isBad);
  assert.throws(() => add(place, 'later', Buffer.from('y')), isBad);
  assert.throws(() => addon.endQueuedFile(queue, 1, 0o644, uid, gid, 0n), isBad);
  assert.throws(() => addon.drainFileQueue(queue), isBad);
  assert.equal(readFileSync(join(path, 'good99'), 'utf8'), 'x');
  assert.equal(statSync(join(path, 'later')).size, 0);
});

test('closing drops what waits and leaves no thread and no descriptor', (t) => {
  const [openBefore, threadsBefore] = [descriptors(), threads()];
  const place = openPlace(t, 4);
  assert.equal(threads(), threadsBefore + 4);
  const data = Buffer.alloc(200_000, 'x');
  for (let at = 0; at < 60; at += 1) add(place, `file${at}`, data);
  addon.queueFile(place.queue, place.fd, 'begun', 'begun', 0o644);
  addon.queueData(place.queue, data, 0);
  addon.closeFileQueue(place.queue);
  assert.equal(descriptors(), openBefore + 1, 'the directory stays open');
  assert.equal(threads(), threadsBefore);
  assert.throws(
    () => addon.drainFileQueue(place.queue),
    (error) => isErrno(error, 'EBADF'),
  );
});

test('a thread that is ended in the middle takes its queue with it', async (t) => {
  const { path } = openPlace(t);
  const [openBefore, threadsBefore] = [descriptors(), threads()];
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
    void import(workerData.addon).then(({ loadAddon }) => {
      const addon = loadAddon();
      const fd = addon.openat2(${AT_FDCWD}, workerData.path, ${O_PATH | O_DIRECTORY}, 0, 0);
      const queue = addon.openFileQueue(3);
      addon.queueFile(queue, fd, 'begun', 'begun', 0o644);
      addon.close(fd);
      for (let at = 0; ; at += 1) {
        addon.queueData(queue, Buffer.alloc(100000), at % 100 * 100000);
        if (at === 200) parentPort.postMessage('busy');
      }
    });`,
    { eval: true, workerData: { path, addon: new URL('./load-addon.ts', import.meta.url).href } },
  );
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await worker.terminate();
  for (const deadline = Date.now() + 20_000; threads() > threadsBefore || descriptors() > openBefore; await delay(20)) {
    assert.ok(Date.now() < deadline, `${threads() - threadsBefore} threads and ${descriptors() - openBefore} descriptors are left`);
  }
});

test('what is no queue, and too many threads, are refused', () => {
  assert.throws(() => addon.drainFileQueue({} as FileQueue), TypeError);
  for (const count of [0, 9]) {
    assert.throws(
      () => addon.openFileQueue(count),
      (error) => isErrno(error, 'EINVAL'),
    );
  }
});
