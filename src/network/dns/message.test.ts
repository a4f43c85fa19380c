import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decode, encode, type Packet } from 'dns-packet';
import fc from 'fast-check';
import {
  codeOf,
  formatAnswer,
  formatName,
  formatRejection,
  isAnswer,
  isRejected,
  isTruncated,
  parseQuery,
  passOn,
  recordType,
  responseCode,
  withId,
  type Query,
} from './message.ts';

const question = (name: string, type = 'A', more: Partial<Packet> = {}): Buffer =>
  encode({ type: 'query', id: 0x1234, flags: 0x0100, questions: [{ name, type: type as 'A', class: 'IN' }], ...more });
const opt = (udpPayloadSize: number, flags = 0): Packet['additionals'] => [
  { type: 'OPT', name: '.', udpPayloadSize, extendedRcode: 0, ednsVersion: 0, flags, flag_do: flags !== 0, options: [] },
];
const parsed = (message: Uint8Array): Query => {
  const query = parseQuery(message);
  assert.ok(query !== null && !isRejected(query));
  return query;
};
const rejection = (message: Uint8Array): number | undefined => {
  const query = parseQuery(message);
  return query !== null && isRejected(query) ? query.code : undefined;
};
const address = (last: number) => ({ type: recordType.A, data: Uint8Array.of(10, 0, 0, last) });

describe('a question', () => {
  test('is read as another program wrote it', () => {
    const query = parsed(question('Web.Back', 'AAAA', { additionals: opt(4096, 0x8000) }));
    assert.deepEqual([query.id, query.name, query.type, query.isInternet], [0x1234, 'web.back', recordType.AAAA, true]);
    assert.deepEqual(query.edns, { size: 4096, version: 0, flags: 0x8000 });
    assert.equal(parsed(question('.')).name, '');
    assert.equal(parsed(question('x')).edns, undefined);
  });

  test('with a dot inside a label is not mistaken for two labels', () => {
    const message = question('a-b');
    message[message.indexOf('-')] = 0x2e;
    assert.equal(parsed(message).name, 'a\\.b');
  });

  test('is not answered when it is an answer, or too short to say what it is', () => {
    assert.equal(parseQuery(question('x', 'A', { type: 'response' })), null);
    assert.equal(parseQuery(question('x').subarray(0, 11)), null);
  });

  test('that cannot be one is rejected by its fault', () => {
    assert.equal(rejection(question('x', 'A', { flags: 5 << 11 })), responseCode.UNKNOWN_OPERATION);
    const none = question('x');
    none.writeUInt16BE(0, 4);
    const two = encode({ id: 1, questions: ['x', 'y'].map((name) => ({ name, type: 'A', class: 'IN' })) });
    const pointed = Buffer.concat([question('x').subarray(0, 12), Buffer.of(0xc0, 12, 0, 1, 0, 1)]);
    const long = Buffer.concat([
      question('x').subarray(0, 12),
      ...Array.from({ length: 128 }, () => Buffer.from('\u0001a')),
      Buffer.from([0, 0, 1, 0, 1]),
    ]);
    const cut = question('example', 'A', { additionals: opt(1232) }).subarray(0, -3);
    for (const message of [none, two, pointed, long, cut, question('example').subarray(0, -1)])
      assert.equal(rejection(message), responseCode.MALFORMED);
  });

  test('never makes the parser fail, whatever it holds', () => {
    const whole = question('web.example', 'A', { additionals: opt(1232) });
    const spoilt = fc.tuple(fc.nat(whole.length), fc.uint8Array({ maxLength: 20 })).map(([at, bytes]) => {
      const message = Buffer.concat([whole, Buffer.alloc(20)]);
      message.set(bytes, Math.min(at, message.length - bytes.length));
      return message;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }), spoilt), (message) => {
        const query = parseQuery(message);
        if (query === null) return;
        const answer = isRejected(query) ? formatRejection(query) : formatAnswer(query, responseCode.OK, [address(1)]);
        assert.equal(answer.readUInt16BE(0), Buffer.from(message).readUInt16BE(0));
        assert.ok(answer.length <= 1232);
        if (!isRejected(query)) assert.ok(query.name.length <= 2 * 255);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('an answer', () => {
  test('is read by another program as it was meant', () => {
    const query = parsed(question('WEB', 'A', { additionals: opt(4096, 0x8000) }));
    const packet = decode(formatAnswer(query, responseCode.OK, [address(1), address(2)]));
    assert.deepEqual([packet.id, packet.type, packet.flag_rd, packet.flag_ra, packet.flag_tc], [0x1234, 'response', true, true, false]);
    assert.equal(packet.questions?.[0]?.name, 'WEB');
    assert.deepEqual(
      packet.answers?.map((answer) => [
        answer.name,
        answer.type,
        'ttl' in answer ? answer.ttl : null,
        'data' in answer ? answer.data : null,
      ]),
      [
        ['WEB', 'A', 600, '10.0.0.1'],
        ['WEB', 'A', 600, '10.0.0.2'],
      ],
    );
    const [edns] = packet.additionals ?? [];
    assert.ok(edns?.type === 'OPT' && edns.udpPayloadSize === 1232 && edns.flag_do);
  });

  test('without EDNS has none, and carries a pointer', () => {
    const data = formatName('web.back');
    assert.ok(data !== null);
    const packet = decode(
      formatAnswer(parsed(question('2.0.0.10.in-addr.arpa', 'PTR')), responseCode.OK, [{ type: recordType.PTR, data }]),
    );
    assert.deepEqual(packet.additionals, []);
    const [answer] = packet.answers ?? [];
    assert.ok(answer?.type === 'PTR' && answer.data === 'web.back');
  });

  test('that is too long holds what fits and says so', () => {
    for (const [more, limit] of [
      [{}, 512],
      [{ additionals: opt(600) }, 600],
      [{ additionals: opt(100) }, 512],
      [{ additionals: opt(0xffff) }, 1232],
    ] as const) {
      const answer = formatAnswer(
        parsed(question('web', 'A', more)),
        responseCode.OK,
        Array.from({ length: 200 }, (_, index) => address(index)),
      );
      const packet = decode(answer);
      assert.ok(packet.flag_tc);
      assert.ok(answer.length <= limit && answer.length > limit - 16, `${answer.length} of ${limit}`);
      assert.equal(answer.readUInt16BE(6), packet.answers?.length);
    }
  });

  test('tells a version of EDNS that there is not in its OPT record', () => {
    const packet = decode(formatAnswer(parsed(question('x', 'A', { additionals: opt(1232) })), responseCode.BAD_VERSION));
    const [edns] = packet.additionals ?? [];
    assert.ok(edns?.type === 'OPT' && edns.extendedRcode === 1);
  });

  test('cannot carry a name that DNS has not', () => {
    for (const name of ['', 'a..b', 'x'.repeat(64), Array.from({ length: 64 }, () => 'abc').join('.')])
      assert.equal(formatName(name), null);
  });
});

describe('what another server says', () => {
  const query = parsed(question('Example.org', 'TXT'));
  const reply = (name: string, more: Partial<Packet> = {}): Buffer => withId(question(name, 'TXT', { type: 'response', ...more }), 7);

  test('is an answer under the id and to the question that were sent, in whatever case', () => {
    assert.ok(isAnswer(query, 7, reply('example.ORG')));
    assert.ok(!isAnswer(query, 8, reply('example.org')));
    assert.ok(!isAnswer(query, 7, reply('example.net')));
    assert.ok(!isAnswer(query, 7, withId(question('example.org', 'A', { type: 'response' }), 7)));
    assert.ok(!isAnswer(query, 7, withId(question('example.org', 'TXT'), 7)), 'a question');
    assert.ok(!isAnswer(query, 7, reply('example.org').subarray(0, 20)));
  });

  test('may leave the question out only when it is an error', () => {
    const refusal = (code: number): Buffer => {
      const bytes = Buffer.alloc(12);
      bytes.writeUInt16BE(7, 0);
      bytes.writeUInt16BE(0x8000 | code, 2);
      return bytes;
    };
    assert.ok(isAnswer(query, 7, refusal(responseCode.REFUSED)));
    assert.ok(!isAnswer(query, 7, refusal(responseCode.OK)));
  });

  test('is passed on byte for byte but for its id, or cut to its head', () => {
    const answer = reply('example.org', { answers: [{ name: 'example.org', type: 'TXT', data: 'x'.repeat(200) }] });
    const passed = passOn(query, answer, 1232);
    assert.deepEqual(passed.subarray(2), answer.subarray(2));
    assert.equal(passed.readUInt16BE(0), query.id);
    const cut = passOn(query, answer, 100);
    assert.ok(isTruncated(cut) && cut.length <= 100 && codeOf(cut) === 0);
    assert.deepEqual(decode(cut).answers, []);
  });

  test('never makes the check fail, whatever it holds', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(0xffff), (message, id) => typeof isAnswer(query, id, message) === 'boolean'),
    );
  });
});
