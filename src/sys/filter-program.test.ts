import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import { filterThrough } from './filter-program.ts';

async function* bytes(count: number, after?: Error): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at += 1) yield Buffer.alloc(65_536, at);
  if (after !== undefined) throw after;
}

async function sizeOf(source: AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0;
  for await (const chunk of source) size += chunk.length;
  return size;
}

test('all bytes go through the program', async () => {
  assert.equal(await sizeOf(filterThrough('cat', [], bytes(40))), 40 * 65_536);
  assert.equal(await sizeOf(filterThrough('cat', [], bytes(0))), 0);
});

test('a program that is not there is named', async () => {
  const missing = (error: unknown): boolean => isOrlopError(error, 'failed-precondition') && error.message.includes('no-such-filter');
  await assert.rejects(sizeOf(filterThrough('no-such-filter', [], bytes(1))), missing);
});

test('a program that fails is quoted, whether it read its input or not', async () => {
  const failed = (error: unknown): boolean => isOrlopError(error, 'data-loss') && error.message === 'broken';
  await assert.rejects(sizeOf(filterThrough('sh', ['-c', 'cat > /dev/null; echo broken >&2; exit 3'], bytes(4))), failed);
  await assert.rejects(sizeOf(filterThrough('sh', ['-c', 'echo broken >&2; exit 3'], bytes(400))), failed);
});

test("the source's own failure comes out as it is", async () => {
  await assert.rejects(sizeOf(filterThrough('cat', [], bytes(3, new Error('source')))), /^Error: source$/);
});

test('who stops reading ends program and source', async () => {
  let closed = false;
  const source = (async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) yield Buffer.alloc(65_536);
    } finally {
      closed = true;
    }
  })();
  for await (const chunk of filterThrough('cat', [], source)) if (chunk.length > 0) break;
  await source.return();
  assert.equal(closed, true);
});
