import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { OrlopError, isOrlopError } from '#errors';
import { readJson } from './body.ts';
import { parseEndpoint } from './endpoint.ts';
import { formatErrorAnswer } from './error-answer.ts';
import { createJsonReader } from './json-reader.ts';
import { createQuery } from './query.ts';

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

describe('JSON objects', () => {
  const reader = createJsonReader(
    { Image: 'a', tty: true, Cmd: 'one', List: ['x'], Labels: { k: 'v' }, Count: 3, None: null, __proto__: { Evil: 'x' } },
    'body',
  );

  test('are read like Go: any case, null is zero, unknown keys ignored', () => {
    assert.equal(reader.text('image'), 'a');
    assert.equal(reader.flag('Tty'), true);
    assert.deepEqual(reader.words('Cmd'), ['one']);
    assert.deepEqual(reader.texts('List'), ['x']);
    assert.deepEqual(reader.textMap('Labels'), { k: 'v' });
    assert.equal(reader.integer('Count'), 3);
    assert.equal(reader.text('None'), '');
    assert.equal(reader.texts('None'), null);
    assert.equal(reader.object('Missing').text('Inner'), '');
    assert.equal(reader.text('Evil'), '');
  });

  test('a wrong type names the field', () => {
    assert.throws(
      () =>
        createJsonReader({ HostConfig: { Memory: 'much' } }, 'body')
          .object('HostConfig')
          .integer('Memory'),
      {
        kind: 'invalid-argument',
        message: 'HostConfig.Memory must be a whole number',
      },
    );
    assert.throws(() => createJsonReader([], 'body'), { kind: 'invalid-argument' });
    assert.throws(() => createJsonReader({ Env: [1] }, 'body').texts('Env'), { message: 'Env must be a list of texts' });
  });

  test('whatever the value, reading answers or says invalid-argument', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), (value, key) => {
        try {
          const any = createJsonReader(value, 'body');
          for (const read of [any.text, any.flag, any.integer, any.texts, any.words, any.textMap, any.object, any.objects]) read(key);
        } catch (error) {
          assert.ok(isOrlopError(error, 'invalid-argument'));
        }
      }),
    );
  });

  test('bodies are bounded and must be JSON', async () => {
    assert.deepEqual(await readJson(pieces('{"a"', ':1}')), { a: 1 });
    assert.equal(await readJson(pieces(' \n')), undefined);
    await assert.rejects(readJson(pieces('{')), { code: 'HTTP_BAD_JSON' });
    await assert.rejects(readJson(pieces('"', 'x'.repeat(100)), { bytes: 50, ms: 60_000 }), { code: 'HTTP_BODY_TOO_LONG' });
    async function* never(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('{');
      await new Promise(() => undefined);
    }
    await assert.rejects(readJson(never(), { bytes: 50, ms: 20 }), { code: 'HTTP_BODY_SLOW' });
  });
});

describe('query parameters', () => {
  test('are read like Docker’s daemon reads them', () => {
    const query = createQuery(new URLSearchParams('a=1&b=false&c=0&d=None&e=yes&n=-3&f='));
    assert.deepEqual(['a', 'b', 'c', 'd', 'e', 'f', 'missing'].map(query.flag), [true, false, false, false, true, false, false]);
    assert.equal(query.integer('n'), -3);
    assert.equal(query.integer('f'), undefined);
    assert.throws(() => query.integer('e'), { kind: 'invalid-argument' });
  });

  test('filters come as lists or as sets', () => {
    const filters = (text: string): unknown => createQuery(new URLSearchParams({ filters: text })).filters();
    assert.deepEqual(filters('{"name":["a","b"],"label":{"x=y":true,"no":false}}'), { name: ['a', 'b'], label: ['x=y'] });
    assert.deepEqual(filters('null'), {});
    for (const bad of ['{', '[]', '{"a":1}', '{"a":[1]}']) assert.throws(() => filters(bad), { kind: 'invalid-argument' }, bad);
  });
});

test("errors in Docker's words keep their hint apart", () => {
  const { status, body } = formatErrorAnswer(new OrlopError('conflict', 'A_B', 'it is in use', { hint: 'stop it first' }));
  assert.equal(status, 409);
  assert.deepEqual(body, {
    message: 'it is in use',
    kind: 'conflict',
    code: 'A_B',
    detail: 'it is in use',
    hint: 'stop it first',
  });
});

test('errors that Docker has no words for show their hint as a second sentence', () => {
  const { status, body } = formatErrorAnswer(new OrlopError('unimplemented', 'A_B', 'there is no such thing', { hint: 'leave it out' }));
  assert.equal(status, 501);
  assert.equal(body.message, 'there is no such thing. Leave it out');
  assert.equal(body.detail, 'there is no such thing');
});

test('addresses to listen on are unix sockets, ports and descriptors; others are refused with the reason', () => {
  assert.deepEqual(parseEndpoint('unix:///run/x.sock'), { scheme: 'unix', path: '/run/x.sock' });
  assert.deepEqual(parseEndpoint('tcp://0.0.0.0:2375'), { scheme: 'tcp', host: '0.0.0.0', port: 2375 });
  assert.deepEqual(parseEndpoint('tcp://[::1]'), { scheme: 'tcp', host: '::1', port: 2376 });
  assert.deepEqual(parseEndpoint('tcp://:2376'), { scheme: 'tcp', host: '', port: 2376 });
  assert.deepEqual(parseEndpoint('fd://3'), { scheme: 'fd', descriptor: 3 });
  for (const bad of [
    'fd://',
    'fd://orlop.socket',
    '',
    'unix://relative',
    '/run/x.sock',
    'unix:///a\0b',
    'tcp://',
    'tcp://a:70000',
    'tcp://a/b',
    'tcp://::1:80',
    'http://a',
  ])
    assert.throws(() => parseEndpoint(bad), { kind: 'invalid-argument' }, bad);
  assert.throws(() => parseEndpoint(`unix:///${'x'.repeat(107)}`), { code: 'HTTP_ENDPOINT_TOO_LONG' });
});
