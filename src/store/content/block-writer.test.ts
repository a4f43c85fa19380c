import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBlockWriter } from './block-writer.ts';

type File = Parameters<typeof createBlockWriter>[0];

/** A file in memory that takes at most so many bytes at a time, and fails when it is full. */
function fakeFile(roomBytes: number): { readonly file: File; readonly written: Buffer[]; readonly events: string[] } {
  const written: Buffer[] = [];
  const events: string[] = [];
  const write = async (data: Uint8Array, at = 0): Promise<{ bytesWritten: number }> => {
    await new Promise((resolve) => setImmediate(resolve));
    const taken = data.subarray(at, at + 300_000);
    if (Buffer.concat(written).length + taken.length > roomBytes) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    written.push(Buffer.from(taken));
    events.push('write');
    return { bytesWritten: taken.length };
  };
  const datasync = async (): Promise<void> => void events.push('sync');
  return { file: { write, datasync } as unknown as File, written, events };
}

test('all is written in order, in blocks, before it is synced', async () => {
  const { file, written, events } = fakeFile(1e9);
  const blocks = createBlockWriter(file);
  const data = Buffer.alloc(2_000_000, 'in order, ');
  for (let at = 0; at < data.length; at += 65_536) await blocks.write(data.subarray(at, at + 65_536));
  await blocks.write(Buffer.alloc(0));
  await blocks.finish();
  assert.deepEqual(Buffer.concat(written), data);
  assert.ok(events.length < 12, `${events.length} calls`);
  assert.equal(events.indexOf('sync'), events.length - 1);
});

test('nothing is a file too', async () => {
  const { file, events } = fakeFile(0);
  await createBlockWriter(file).finish();
  assert.deepEqual(events, ['sync']);
});

test('a write that fails is told, at the latest at the end, and no later one covers it', async () => {
  const { file, written } = fakeFile(700_000);
  const blocks = createBlockWriter(file);
  await assert.rejects(async () => {
    for (let at = 0; at < 40; at += 1) await blocks.write(Buffer.alloc(65_536));
  }, /full/);
  await assert.rejects(blocks.finish(), /full/);
  assert.ok(Buffer.concat(written).length <= 700_000);
  const short = createBlockWriter(fakeFile(10).file);
  await short.write(Buffer.alloc(11));
  await assert.rejects(short.finish(), /full/);
});

test('a failure that nobody waits for is no unhandled one', async () => {
  const blocks = createBlockWriter(fakeFile(0).file);
  await blocks.write(Buffer.alloc(600_000));
  for (let turns = 0; turns < 5; turns += 1) await new Promise((resolve) => setImmediate(resolve));
});
