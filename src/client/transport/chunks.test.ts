import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createChunkDecoder } from './chunks.ts';

test('what is coded in chunks of any size is the same when it arrives in pieces of any size, and what follows is not touched', () => {
  const chunk = fc.uint8Array({ minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(fc.array(chunk), fc.array(fc.integer({ min: 1, max: 50 })), fc.uint8Array(), (chunks, cuts, following) => {
      const coded = Buffer.concat([
        ...chunks.flatMap((data) => [Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n')]),
        Buffer.from('0\r\nTrailer: x\r\n\r\n'),
        following,
      ]);
      const decoder = createChunkDecoder();
      const data: Buffer[] = [];
      let at = 0;
      for (const length of [...cuts, coded.length]) {
        if (decoder.beyond !== null) break;
        data.push(decoder.push(coded.subarray(at, at + length)));
        at = Math.min(coded.length, at + length);
      }
      assert.deepEqual(Buffer.concat(data), Buffer.concat(chunks));
      assert.ok(decoder.beyond !== null);
      assert.deepEqual(Buffer.concat([decoder.beyond, coded.subarray(at)]), Buffer.from(following));
    }),
  );
});

test('what is no chunked coding is refused', () => {
  for (const text of ['x\r\n', '\r\n', '-1\r\n', '2\r\nabc\r\n', '1'.repeat(5000)]) {
    assert.throws(() => createChunkDecoder().push(Buffer.from(text)), RangeError, text.slice(0, 20));
  }
});
