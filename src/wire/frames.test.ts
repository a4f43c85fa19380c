import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { createFrameDecoder, encodeFrame, type Frame, type StreamName } from './frames.ts';

const frame = fc.record({ stream: fc.constantFrom<StreamName>('stdout', 'stderr'), data: fc.uint8Array({ minLength: 1, maxLength: 50 }) });

/** Neighbouring pieces of one stream put together, since a decoder may hand a frame on in pieces. */
function joined(frames: readonly Frame[]): string[] {
  const texts: string[] = [];
  let last = '';
  for (const { stream, data } of frames) {
    const hex = Buffer.from(data).toString('hex');
    if (stream === last) texts.push(`${texts.pop()}${hex}`);
    else texts.push(`${stream} ${hex}`);
    last = stream;
  }
  return texts;
}

describe('frames of an attached stream', () => {
  test('an empty frame is eight bytes that decode to nothing', () => {
    const decoder = createFrameDecoder();
    assert.deepEqual(decoder.push(encodeFrame('stderr', new Uint8Array())), []);
    decoder.end();
  });

  test('whatever is encoded comes back, however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 20 }), fc.array(fc.nat(40), { minLength: 1 }), (frames, cuts) => {
        const bytes = Buffer.concat(frames.map(({ stream, data }) => encodeFrame(stream, data)));
        const decoder = createFrameDecoder();
        const decoded: Frame[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const length = 1 + (cuts[turn % cuts.length] ?? 0);
          decoded.push(...decoder.push(bytes.subarray(at, at + length)));
          at += length;
        }
        decoder.end();
        assert.deepEqual(joined(decoded), joined(frames));
      }),
    );
  });

  test('bytes that are no frames are refused, never misread', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          createFrameDecoder().push(bytes);
        } catch (error) {
          assert.ok(isOrlopError(error, 'data-loss'));
        }
      }),
    );
    assert.throws(() => createFrameDecoder().push(Buffer.from('HTTP/1.1 200 OK')), { code: 'WIRE_BAD_FRAME' });
  });

  test('an end inside a frame is a loss', () => {
    const decoder = createFrameDecoder();
    decoder.push(encodeFrame('stdout', Buffer.from('whole')).subarray(0, 10));
    assert.throws(() => decoder.end(), { code: 'WIRE_CUT_FRAME' });
  });
});
