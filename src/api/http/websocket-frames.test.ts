import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { closeCodes, createFrameReader, encodeClose, encodeMessage, opcodes, type FrameEvent } from './websocket-frames.ts';

interface Parts {
  readonly last?: boolean;
  readonly masked?: boolean;
  readonly reserved?: number;
}

/** A client's frame. */
function frame(opcode: number, data: Uint8Array | string, { last = true, masked = true, reserved = 0 }: Parts = {}): Buffer {
  const plain = Buffer.from(data as Uint8Array);
  const whole = encodeMessage(opcode, plain);
  const header = whole.subarray(0, whole.length - plain.length);
  header[0] = (last ? 0x80 : 0) | reserved | opcode;
  if (!masked) return whole;
  header[1] = (header[1] ?? 0) | 0x80;
  const mask = Buffer.from([1, 0x80, 0xff, 7]);
  return Buffer.concat([header, mask, plain.map((byte, at) => byte ^ (mask[at % 4] ?? 0))]);
}

function bytesOf(events: readonly FrameEvent[]): string {
  return Buffer.concat(events.map((event) => (event.type === 'data' ? event.data : Buffer.alloc(0)))).toString('latin1');
}

describe("a client's frames", () => {
  test('are read however they are portioned, whatever their length', () => {
    const message = fc
      .uint8Array({ maxLength: 300 })
      .chain((data) => fc.constantFrom(Buffer.from(data), Buffer.alloc(70_000, Buffer.from([...data, 7]))));
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), fc.integer({ min: 1, max: 5000 }), (messages, step) => {
        const bytes = Buffer.concat(messages.map((data) => frame(opcodes.binary, data)));
        const read = createFrameReader();
        const events: FrameEvent[] = [];
        for (let at = 0; at < bytes.length; at += step) events.push(...read(bytes.subarray(at, at + step)));
        assert.equal(bytesOf(events), Buffer.concat(messages).toString('latin1'));
      }),
      { numRuns: 60 },
    );
  });

  test('may be parts of a message, with a ping between them', () => {
    const read = createFrameReader();
    const events = [
      ...read(frame(opcodes.text, 'one ', { last: false })),
      ...read(frame(opcodes.ping, 'hey')),
      ...read(frame(opcodes.continuation, 'two')),
      ...read(frame(opcodes.pong, '')),
      ...read(frame(opcodes.text, ' three')),
    ];
    assert.equal(bytesOf(events), 'one two three');
    assert.deepEqual(
      events.flatMap((event) => (event.type === 'ping' ? [event.data.toString()] : [])),
      ['hey'],
    );
  });

  test('end with close, and nothing comes after', () => {
    const read = createFrameReader();
    const bytes = Buffer.concat([frame(opcodes.close, Buffer.from([0x03, 0xe9])), frame(opcodes.text, 'late')]);
    assert.deepEqual(read(bytes), [{ type: 'close', code: 1001 }]);
    assert.deepEqual(read(frame(opcodes.text, 'later')), []);
    assert.deepEqual(createFrameReader()(frame(opcodes.close, '')), [{ type: 'close', code: closeCodes.normal }]);
  });

  const broken: readonly [what: string, bytes: Buffer, code: number][] = [
    ['without a mask', frame(opcodes.text, 'x', { masked: false }), closeCodes.protocolError],
    ['of an unknown kind', frame(3, 'x'), closeCodes.protocolError],
    ['of an unknown control kind', frame(11, 'x'), closeCodes.protocolError],
    ['with a reserved bit', frame(opcodes.text, 'x', { reserved: 0x40 }), closeCodes.protocolError],
    ['that continues nothing', frame(opcodes.continuation, 'x'), closeCodes.protocolError],
    ['that is a cut ping', frame(opcodes.ping, 'x', { last: false }), closeCodes.protocolError],
    ['that is a long ping', frame(opcodes.ping, 'x'.repeat(126)), closeCodes.protocolError],
    ['longer than can be counted', Buffer.concat([Buffer.from([0x82, 0xff]), Buffer.alloc(12, 0xff)]), closeCodes.tooBig],
    [
      'that begins a message in another',
      Buffer.concat([frame(opcodes.text, '', { last: false }), frame(opcodes.text, 'x')]),
      closeCodes.protocolError,
    ],
  ];
  for (const [what, bytes, code] of broken) {
    test(`one ${what} ends it`, () => assert.deepEqual(createFrameReader()(bytes).at(-1), { type: 'close', code }));
  }

  test('of any bytes are read to an end', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 6 }), (chunks) => {
        const read = createFrameReader();
        for (const chunk of chunks) read(Buffer.from(chunk));
      }),
      { numRuns: 2000 },
    );
  });
});

test('what goes out has the shortest header for its length', () => {
  assert.deepEqual([...encodeMessage(opcodes.binary, Buffer.from('ab'))], [0x82, 2, 97, 98]);
  assert.deepEqual([...encodeMessage(opcodes.text, Buffer.alloc(126)).subarray(0, 4)], [0x81, 126, 0, 126]);
  assert.deepEqual([...encodeMessage(opcodes.binary, Buffer.alloc(65_536)).subarray(0, 10)], [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
  assert.deepEqual([...encodeClose(1000)], [0x88, 2, 3, 232]);
});
