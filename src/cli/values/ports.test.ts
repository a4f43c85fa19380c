import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import type { PortWish } from '#wire';
import { parseExpose, parsePrivatePort, parsePublish, parsePublished } from './ports.ts';

const at = (containerPort: number, host?: number | [number, number], more: Partial<PortWish> = {}): PortWish => {
  const [first, last] = typeof host === 'number' ? [host, host] : (host ?? []);
  const hostPort = first === undefined || last === undefined ? {} : { hostPort: { first, last } };
  return { containerPort, protocol: 'tcp', ...hostPort, ...more };
};

describe('-p', () => {
  const forms: readonly [entry: string, ...ports: PortWish[]][] = [
    ['80', at(80)],
    ['80/udp', at(80, undefined, { protocol: 'udp' })],
    ['80/SCTP', at(80, undefined, { protocol: 'sctp' })],
    ['8080:80', at(80, 8080)],
    ['127.0.0.1:8080:80', at(80, 8080, { hostAddress: '127.0.0.1' })],
    ['127.0.0.1::80', at(80, undefined, { hostAddress: '127.0.0.1' })],
    ['[::1]:8080:80/udp', at(80, 8080, { hostAddress: '::1', protocol: 'udp' })],
    ['[::]::80', at(80, undefined, { hostAddress: '::' })],
    ['fe80::1:8080:80', at(80, 8080, { hostAddress: 'fe80::1' })],
    ['8000-8002:80', at(80, [8000, 8002])],
    ['8000-8001:90-91', at(90, 8000), at(91, 8001)],
    ['90-91', at(90), at(91)],
    ['published=8080,target=80', at(80, 8080)],
    ['target=80,protocol=udp', at(80, undefined, { protocol: 'udp' })],
  ];
  for (const [entry, ...ports] of forms) test(entry, () => assert.deepEqual(parsePublish([entry]).ports, ports));

  const wrong: readonly [entry: string, message: RegExp][] = [
    ['', /no port specified: <empty>/],
    ['8080:', /no port specified: 8080:<empty>/],
    ['x', /invalid containerPort: x/],
    ['0', /invalid containerPort: 0/],
    ['65536', /invalid containerPort/],
    ['9-8', /invalid containerPort: 9-8/],
    ['x:80', /invalid hostPort: x/],
    ['1.2.3:80:80', /invalid IP address: 1\.2\.3/],
    ['here:80:80', /invalid IP address: here/],
    ['80/icmp', /invalid proto: icmp/],
    ['8000-8001:80-82', /invalid ranges specified for container and host Ports: 80-82 and 8000-8001/],
    ['mode=host,target=80', /invalid publish opts format/],
  ];
  for (const [entry, message] of wrong)
    test(`${JSON.stringify(entry)} is refused`, () => assert.throws(() => parsePublish([entry]), { code: 'CLI_USAGE', message }));

  test('exposes what it publishes', () => {
    assert.deepEqual(parsePublish(['8080:80', '8081:80', '53/udp']).exposed, ['80/tcp', '53/udp']);
  });

  test('any text is ports or a usage error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[\d:[\]/\-.=,a-f]{0,20}$/)), (entry) => {
        try {
          for (const { containerPort, hostPort } of parsePublish([entry]).ports) {
            assert.ok(containerPort >= 1 && containerPort <= 65_535);
            assert.ok(hostPort === undefined || (hostPort.first >= 1 && hostPort.first <= hostPort.last && hostPort.last <= 65_535));
          }
        } catch (error) {
          assert.ok(isOrlopError(error, 'invalid-argument'), String(error));
        }
      }),
    );
  });
});

test('--expose takes ports and ranges, of the container alone', () => {
  assert.deepEqual(parseExpose(['80', '53/udp', '8000-8001']), ['80/tcp', '53/udp', '8000/tcp', '8001/tcp']);
  assert.throws(() => parseExpose(['80:80']), { message: /invalid port format for --expose: 80:80/ });
  assert.throws(() => parseExpose(['x']), { message: /invalid range format for --expose: x/ });
});

test('--publish-rm names ports as they are on the host', () => {
  assert.deepEqual(parsePublished(['8080', '53/udp', '127.0.0.1:80', '[::1]:81']), [
    { hostPort: 8080, protocol: 'tcp' },
    { hostPort: 53, protocol: 'udp' },
    { hostPort: 80, protocol: 'tcp', hostAddress: '127.0.0.1' },
    { hostPort: 81, protocol: 'tcp', hostAddress: '::1' },
  ]);
  for (const entry of ['', '80-81', 'x', '8080:80']) assert.throws(() => parsePublished([entry]), { code: 'CLI_USAGE' });
});

test('a port of a container has a protocol', () => {
  assert.equal(parsePrivatePort('80'), '80/tcp');
  assert.equal(parsePrivatePort('53/udp'), '53/udp');
  assert.throws(() => parsePrivatePort('80-81'), { code: 'CLI_WRONG_WORDS', message: /^invalid port \(80-81\)/ });
});
