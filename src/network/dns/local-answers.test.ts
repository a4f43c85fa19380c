import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decode, encode, type RecordType } from 'dns-packet';
import type { LinkedHost } from '../hosts-file.ts';
import { answerLocally, parseReverse } from './local-answers.ts';
import { isRejected, parseQuery } from './message.ts';
import { createNameIndex } from './name-index.ts';
import { createDirectory, place } from './testing/places.ts';
import type { Directory } from './types.ts';

/** What a container is told: the data of all records, in order; null when the question is passed on. */
function ask(
  directory: Directory,
  containerId: string,
  name: string,
  type: RecordType | 'ANY' = 'A',
  linked: readonly LinkedHost[] = [],
): string[] | null {
  const query = parseQuery(encode({ id: 1, questions: [{ name, type: type as RecordType, class: 'IN' }] }));
  assert.ok(query !== null && !isRejected(query));
  const answer = answerLocally(createNameIndex(directory), { containerId, linked }, query, 1232);
  const data = answer === null ? null : (decode(answer).answers ?? []).map((record) => ('data' in record ? (record.data as string) : ''));
  return data?.toSorted((a, b) => (a < b ? -1 : 1)) ?? null;
}

const web = place('web', 'back', { names: ['web', 'c0ffee', 'www'], address: '172.18.0.2', address6: 'fd00::2' });
const db = place('db', 'back', { names: ['db', 'www'], address: '172.18.0.3' });
const alone = place('alone', 'front', { address: '172.19.0.2' });
const both = [place('both', 'back', { address: '172.18.0.4' }), place('both', 'front', { address: '172.19.0.4' })];
const directory = createDirectory(web, db, alone, ...both);

describe('a name', () => {
  test('is found by whatever a container is called, in any case', () => {
    for (const name of ['web', 'WEB', 'c0ffee', 'web.back', 'Web.BACK']) assert.deepEqual(ask(directory, 'db', name), ['172.18.0.2'], name);
    assert.deepEqual(ask(directory, 'db', 'web', 'AAAA'), ['fd00::2']);
    assert.deepEqual(ask(directory, 'db', 'db'), ['172.18.0.3'], 'itself');
  });

  test('that one container alone has for another counts before those of everybody', () => {
    const linked = [
      { names: ['data', 'web'], address: '172.18.0.3' },
      { names: ['data'], address: 'fd00::3' },
    ];
    assert.deepEqual(ask(directory, 'both', 'DATA', 'A', linked), ['172.18.0.3']);
    assert.deepEqual(ask(directory, 'both', 'data', 'AAAA', linked), ['fd00::3']);
    assert.deepEqual(ask(directory, 'both', 'web', 'A', linked), ['172.18.0.3']);
    assert.deepEqual(ask(directory, 'both', 'web', 'AAAA', linked), [], 'what it calls so has none');
    assert.equal(ask(directory, 'db', 'data'), null, 'nobody else calls it so');
  });

  test('that several have gives all of them', () => {
    assert.deepEqual(ask(directory, 'both', 'www'), ['172.18.0.2', '172.18.0.3']);
  });

  test('that is known has nothing of another kind, and nobody else is asked', () => {
    for (const type of ['AAAA', 'MX', 'TXT', 'SRV'] as const) assert.deepEqual(ask(directory, 'web', 'db', type), []);
    assert.deepEqual(ask(directory, 'web', 'db', 'ANY'), ['172.18.0.3']);
    assert.deepEqual(ask(directory, 'db', 'web', 'ANY'), ['172.18.0.2']);
  });

  test('is unknown outside its network', () => {
    for (const name of ['alone', 'alone.front', 'web.front', 'nobody', '', 'web.back.front', 'back'])
      assert.equal(ask(directory, 'db', name), null, name);
    assert.deepEqual(ask(directory, 'both', 'alone'), ['172.19.0.2']);
  });

  test('in two networks is looked for in the order of the places, by address family', () => {
    const twice = createDirectory(
      place('me', 'a'),
      place('me', 'b'),
      place('db', 'a', { address6: 'fd00::a' }),
      place('db', 'b', { address: '10.0.0.2', address6: 'fd00::b' }),
    );
    assert.deepEqual(ask(twice, 'me', 'db', 'AAAA'), ['fd00::a']);
    assert.deepEqual(ask(twice, 'me', 'db'), ['10.0.0.2']);
    assert.deepEqual(ask(twice, 'me', 'db.b', 'AAAA'), ['fd00::b']);
  });

  test('and a network may have dots', () => {
    const dotted = createDirectory(place('me', 'my.net'), place('a.b', 'my.net', { address: '10.0.0.9' }));
    for (const name of ['a.b', 'a.b.my.net']) assert.deepEqual(ask(dotted, 'me', name), ['10.0.0.9']);
    for (const name of ['a', 'b', 'b.my.net']) assert.equal(ask(dotted, 'me', name), null);
  });

  test('follows who comes and goes', () => {
    const changing = createDirectory(web, db);
    const index = createNameIndex(changing);
    assert.equal(index.holders('web', 'www').flat().length, 2);
    changing.detach('db');
    assert.equal(index.holders('web', 'www').flat().length, 1);
    changing.attach(place('late', 'back', { names: ['late', 'www'], address: '172.18.0.9' }));
    assert.equal(index.holders('web', 'www').flat().length, 2);
  });

  test('of a prototype is nobody', () => {
    for (const name of ['__proto__', 'constructor', 'tostring']) assert.equal(ask(directory, 'db', name), null);
  });

  test('beyond ASCII is compared byte by byte', () => {
    const foreign = createDirectory(place('me', 'a', { names: ['bücher'], address: '10.0.0.1' }));
    assert.deepEqual(ask(foreign, 'me', 'bücher'), ['10.0.0.1']);
    assert.deepEqual(ask(foreign, 'me', 'Bücher'), ['10.0.0.1']);
    assert.equal(ask(foreign, 'me', 'BÜCHER'), null);
  });
});

describe('an address', () => {
  test('is told by name and network to who shares one', () => {
    assert.deepEqual(ask(directory, 'db', '2.0.18.172.in-addr.arpa', 'PTR'), ['web.back']);
    const reversed = `2.${'0.'.repeat(27)}0.0.d.f.ip6.arpa`;
    assert.deepEqual(ask(directory, 'db', reversed, 'PTR'), ['web.back']);
    assert.equal(ask(directory, 'alone', '2.0.18.172.in-addr.arpa', 'PTR'), null);
  });

  test('is read strictly', () => {
    assert.equal(parseReverse('2.0.18.172.in-addr.arpa'), '172.18.0.2');
    for (const name of [
      'in-addr.arpa',
      '0.18.172.in-addr.arpa',
      '02.0.18.172.in-addr.arpa',
      '1.2.0.18.172.in-addr.arpa',
      'x.0.18.172.in-addr.arpa',
      '1.ip6.arpa',
    ]) {
      assert.equal(parseReverse(name), null, name);
    }
  });
});
