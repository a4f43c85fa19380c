import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planCreateBody } from './container-options.ts';

test('what is not said is not sent', () => {
  assert.deepEqual(planCreateBody({ image: 'debian:trixie' }), { Image: 'debian:trixie', HostConfig: {} });
});

test("options become Docker's fields", () => {
  const body = planCreateBody({
    image: 'i',
    command: ['a', 'b'],
    env: { A: '1', B: '' },
    ports: [80, { container: 53, host: 5353, address: '127.0.0.1', protocol: 'udp' }, { container: 80, host: 8080 }],
    network: 'net',
    aliases: ['web'],
    mounts: [{ type: 'volume', source: 'data', target: '/data', readOnly: true }],
    memoryBytes: 1000,
    processors: 1.5,
    diskBytes: 5_000_000,
    health: { command: 'true', intervalMs: 100 },
    restart: 'always',
    logging: { options: { 'max-size': '1m' } },
  });
  assert.deepEqual(body, {
    Image: 'i',
    Cmd: ['a', 'b'],
    Env: ['A=1', 'B='],
    ExposedPorts: { '80/tcp': {}, '53/udp': {} },
    Healthcheck: { Test: ['CMD-SHELL', 'true'], Interval: 100_000_000 },
    NetworkingConfig: { EndpointsConfig: { net: { Aliases: ['web'] } } },
    HostConfig: {
      NetworkMode: 'net',
      PortBindings: {
        '80/tcp': [
          { HostIp: '', HostPort: '' },
          { HostIp: '', HostPort: '8080' },
        ],
        '53/udp': [{ HostIp: '127.0.0.1', HostPort: '5353' }],
      },
      Mounts: [{ Type: 'volume', Source: 'data', Target: '/data', ReadOnly: true }],
      Memory: 1000,
      NanoCpus: 1_500_000_000,
      StorageOpt: { size: '5000000' },
      RestartPolicy: { Name: 'always', MaximumRetryCount: 0 },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } },
    },
  });
});

test('what is said in Docker words is joined to the rest and comes before it', () => {
  const body = planCreateBody({
    image: 'i',
    memoryBytes: 5,
    pids: 7,
    docker: { Domainname: 'd', HostConfig: { Memory: 6, OomScoreAdj: 3 } },
  });
  assert.deepEqual(body, { Image: 'i', Domainname: 'd', HostConfig: { Memory: 6, PidsLimit: 7, OomScoreAdj: 3 } });
});

test('aliases need a network of their own to be names in', () => {
  assert.throws(() => planCreateBody({ image: 'i', aliases: ['web'] }), { kind: 'invalid-argument', message: /network/ });
});
