import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createJsonReader } from '#api/http';
import { isOrlopError } from '#errors';
import { decodeLaunch } from './decode-launch.ts';

const decode = (body: unknown): ReturnType<typeof decodeLaunch> => decodeLaunch(createJsonReader(body, 'body'));

test('a launch carries what a system can be asked for', () => {
  const asked = {
    source: 'debian/trixie',
    name: 'box',
    env: ['A=b'],
    limits: { memoryBytes: 1024, cpusetCpus: '0' },
    network: 'none',
    ulimits: [{ name: 'nofile', soft: 1, hard: 2 }],
  };
  const { source, ...request } = asked;
  assert.deepEqual(decode(asked), { source, request });
});

test('unknown fields, bad values and a missing source are refused by name', () => {
  assert.throws(() => decode({}), { code: 'ORLOP_NO_SOURCE' });
  assert.throws(() => decode({ source: 'x', nmae: 'typo' }), { code: 'ORLOP_UNKNOWN_FIELD', message: 'unknown field "nmae"' });
  assert.throws(() => decode({ source: 'x', limits: { memory: 1 } }), { code: 'ORLOP_UNKNOWN_FIELD' });
  assert.throws(() => decode({ source: 'x', network: 'mine' }), { message: 'network must be one of bridge, none, host' });
  assert.throws(() => decode({ source: 'x', constructor: 1 }), { code: 'ORLOP_UNKNOWN_FIELD' });
});

test('any JSON is a launch or invalid-argument', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (body) => {
      try {
        decode(body);
      } catch (error) {
        assert.ok(isOrlopError(error, 'invalid-argument'));
      }
    }),
  );
});
