import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { frameMessage, readMessages } from './framing.ts';

async function readAll(chunks: readonly Uint8Array[]): Promise<string[]> {
  const found: string[] = [];
  for await (const message of readMessages(cut(chunks))) found.push(Buffer.from(message).toString('hex'));
  return found;
}

async function* cut(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

describe('messages in a stream', () => {
  test('come whole, however the stream is cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array()), fc.integer({ min: 1, max: 7 }), async (messages, size) => {
        const all = Buffer.concat(messages.map(frameMessage));
        const chunks = Array.from({ length: Math.ceil(all.length / size) }, (_, index) => all.subarray(index * size, (index + 1) * size));
        assert.deepEqual(
          await readAll(chunks),
          messages.map((one) => Buffer.from(one).toString('hex')),
        );
      }),
    );
  });

  test('cut short, compressed or too long are refused', async () => {
    await assert.rejects(readAll([Buffer.from('0000', 'hex')]), { code: 'BUILDKIT_BAD_FRAME', kind: 'invalid-argument' });
    await assert.rejects(readAll([Buffer.from('0000000002aa', 'hex')]), { code: 'BUILDKIT_BAD_FRAME', kind: 'invalid-argument' });
    await assert.rejects(readAll([Buffer.from('0100000000', 'hex')]), { code: 'BUILDKIT_BAD_FRAME', kind: 'unimplemented' });
    await assert.rejects(readAll([Buffer.from('00ffffffff', 'hex')]), { code: 'BUILDKIT_BAD_FRAME', kind: 'resource-exhausted' });
  });
});
