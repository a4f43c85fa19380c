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
    limits: {
      memoryBytes: 1024,
      cpusetCpus: '0',
      swappiness: 0,
      noOutOfMemoryKill: true,
      ioWeight: 100,
      ioWeightDevices: [{ path: '/dev/a', weight: 10 }],
      readBytes: [{ path: '/dev/a', rate: 7 }],
    },
    devices: [{ source: '/dev/fuse', target: '/dev/x', permissions: 'rw' }],
    deviceRules: ['c 42:* rwm'],
    deviceRequests: [{ driver: '', count: -1, ids: [], capabilities: [['gpu']], options: { a: 'b' } }],
    cgroupParent: 'machines',
    annotations: { a: 'b' },
    securityOptions: ['no-new-privileges'],
    noNewPrivileges: true,
    maskedPaths: [],
    network: 'mine',
    endpoints: { mine: { address: '10.1.0.9', aliases: ['db'], priority: 2 }, other: {} },
    ports: [
      { containerPort: 80, protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: { first: 8080, last: 8090 } },
      { containerPort: 53, protocol: 'udp' },
    ],
    publishAll: true,
    logging: { driver: 'local', options: { 'max-size': '1m' } },
    dns: ['10.1.0.1'],
    ulimits: [{ name: 'nofile', soft: 1, hard: 2 }],
  };
  const { source, ...request } = asked;
  assert.deepEqual(decode(asked), { source, request });
});

test('unknown fields, bad values and a missing source are refused by name', () => {
  assert.throws(() => decode({}), { code: 'ORLOP_NO_SOURCE' });
  assert.throws(() => decode({ source: 'x', nmae: 'typo' }), { code: 'ORLOP_UNKNOWN_FIELD', message: 'unknown field "nmae"' });
  assert.throws(() => decode({ source: 'x', limits: { memory: 1 } }), { code: 'ORLOP_UNKNOWN_FIELD' });
  assert.throws(() => decode({ source: 'x', deviceRequests: [{ capabilities: ['gpu'] }] }), {
    message: 'deviceRequests.capabilities must be lists of texts',
  });
  const ports = (wish: object) => decode({ source: 'x', ports: [{ containerPort: 80, protocol: 'tcp', ...wish }] });
  assert.throws(() => ports({ protocol: 'icmp' }), { message: 'protocol must be one of tcp, udp, sctp' });
  assert.throws(() => ports({ hostPort: { first: 0, last: 9 } }), { message: 'first must be a port, 1 to 65535' });
  assert.throws(() => decode({ source: 'x', endpoints: { mine: { adress: '10.0.0.1' } } }), { message: 'unknown field "adress"' });
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
