import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { parseAnswer, parseLink, parseLinkAddress, parseRoute } from './replies.ts';
import { attribute, decodeMessages, encodeMessages, nested, parseAttributes, readText, readU32, text, u32, type Message } from './wire.ts';

const body = fc.uint8Array({ maxLength: 200 });
const u16 = fc.integer({ min: 0, max: 0xffff });
const message: fc.Arbitrary<Message> = fc.record({ type: u16, flags: u16, sequence: fc.integer({ min: 0, max: 0xffff_ffff }), body });
const plain = (messages: readonly Message[]): unknown[] => messages.map((one) => ({ ...one, body: [...one.body] }));

/** Runs a parser on bytes that mean nothing: it gives a value or refuses them, in the house's words. */
function survives(parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    assert.ok(isOrlopError(error, 'internal'), String(error));
  }
}

test('messages come back as they were sent, however many there are', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 8 }), (messages) => {
      const bytes = encodeMessages(messages);
      assert.equal(bytes.length % 4, 0);
      assert.deepEqual(plain(decodeMessages(bytes)), plain(messages));
    }),
  );
});

test('attributes come back as they were made, nested ones too', () => {
  const type = fc.integer({ min: 0, max: 0x3fff });
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(type, body), { selector: ([key]) => key }), type, (entries, outer) => {
      const bytes = nested(outer, ...entries.map(([key, payload]) => attribute(key, payload)));
      const inner = parseAttributes(parseAttributes(bytes).get(outer) ?? new Uint8Array(0));
      assert.deepEqual(
        [...inner].map(([key, payload]) => [key, [...payload]]),
        entries.map(([key, payload]) => [key, [...payload]]),
      );
    }),
  );
});

test('integers and strings are read back', () => {
  const attributes = parseAttributes(Buffer.concat([u32(1, 0xfedc_ba98), text(2, 'eth0')]));
  assert.deepEqual([readU32(attributes.get(1)), readText(attributes.get(2))], [0xfedc_ba98, 'eth0']);
  assert.deepEqual([readU32(new Uint8Array(3)), readU32(undefined), readText(Buffer.from('no end'))], [undefined, undefined, 'no end']);
});

test('bytes that mean nothing are refused or read, never worse', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), u16, (bytes, flags) => {
      survives(() => decodeMessages(bytes));
      survives(() => parseLink(bytes));
      survives(() => parseLinkAddress(bytes));
      survives(() => parseRoute(bytes));
      survives(() => parseAnswer({ type: 2, flags, sequence: 1, body: bytes }));
    }),
    { numRuns: 500 },
  );
});

test('messages whose lengths were tampered with are refused or read', () => {
  const tampered = fc.tuple(fc.array(message, { minLength: 1, maxLength: 3 }), fc.nat(), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(tampered, ([messages, place, value]) => {
      const bytes = encodeMessages(messages);
      bytes[place % bytes.length] = value;
      survives(() => decodeMessages(bytes).map((one) => parseAttributes(one.body)));
    }),
  );
});

test("the kernel's own words are found in an error, whether or not it repeats the request", () => {
  const words = text(1, 'Attribute failed policy validation');
  const header = Buffer.alloc(20);
  header.writeInt32LE(-22, 0);
  header.writeUInt32LE(30, 4);
  const repeated = Buffer.concat([header, Buffer.alloc(16), words]);
  const answer = { errno: 22, text: 'Attribute failed policy validation' };
  assert.deepEqual(parseAnswer({ type: 2, flags: 0x200, sequence: 1, body: repeated }), answer);
  assert.deepEqual(parseAnswer({ type: 2, flags: 0x300, sequence: 1, body: Buffer.concat([header, words]) }), answer);
  assert.deepEqual(parseAnswer({ type: 2, flags: 0x100, sequence: 1, body: header }), { errno: 22, text: undefined });
});
