import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { createFlusher } from './flusher.ts';

/** A disk that brings what was written to safety when it is told to. */
function createDisk() {
  const disk = {
    written: 0,
    safe: 0,
    syncs: [] as PromiseWithResolvers<void>[],
    async sync() {
      const covered = disk.written;
      const done = Promise.withResolvers<void>();
      disk.syncs.push(done);
      await done.promise;
      disk.safe = covered;
    },
    finish: (at: number) => disk.syncs[at]?.resolve(),
  };
  return disk;
}

test('what is written together is flushed together, and what comes meanwhile shares the next flush', async () => {
  const disk = createDisk();
  const flusher = createFlusher(disk);
  const write = (): void => {
    disk.written += 1;
    flusher.wrote();
  };
  write();
  write();
  await setImmediate();
  assert.equal(disk.syncs.length, 1);
  for (let more = 0; more < 5; more += 1) {
    write();
    await setImmediate();
  }
  assert.equal(disk.syncs.length, 1, 'one at a time');
  const all = flusher.flushed();
  disk.finish(0);
  await setImmediate();
  assert.deepEqual([disk.syncs.length, disk.safe], [2, 2]);
  disk.finish(1);
  await all;
  assert.equal(disk.safe, 7);
  await setImmediate();
  assert.equal(disk.syncs.length, 2, 'and then it rests');
});

test('who asks waits for what was written before, not for what comes after', async () => {
  const disk = createDisk();
  const flusher = createFlusher(disk);
  await flusher.flushed();
  disk.written = 1;
  flusher.wrote();
  const first = flusher.flushed();
  await setImmediate();
  disk.written = 2;
  flusher.wrote();
  const second = flusher.flushed();
  let isSecondDone = false;
  void second.then(() => (isSecondDone = true));
  disk.finish(0);
  await first;
  assert.equal(disk.safe, 1);
  await setImmediate();
  assert.equal(isSecondDone, false);
  disk.finish(1);
  await second;
  assert.equal(disk.safe, 2);
  await flusher.flushed();
});

test('a flush that fails is told to those who wait and to nobody twice; the next is tried', async () => {
  const disk = createDisk();
  const errors: unknown[] = [];
  const times: number[] = [];
  const flusher = createFlusher({ sync: disk.sync, onError: (error) => errors.push(error), onFlushed: (ms) => times.push(ms) });
  flusher.wrote();
  await setImmediate();
  flusher.wrote();
  const failure = new Error('the disk is broken');
  disk.syncs[0]?.reject(failure);
  await setImmediate();
  assert.deepEqual([errors, times, disk.syncs.length], [[failure], [], 2]);
  const waiting = assert.rejects(flusher.flushed(), failure);
  disk.syncs[1]?.reject(failure);
  await waiting;
  flusher.wrote();
  await setImmediate();
  disk.finish(2);
  await flusher.flushed();
  assert.deepEqual([errors.length, times.length], [2, 1]);
});
