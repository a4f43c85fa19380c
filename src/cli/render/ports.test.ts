import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DockerPort } from '#wire';
import { formatPorts } from './ports.ts';

const port = (PrivatePort: number, PublicPort?: number, IP = '0.0.0.0', Type = 'tcp'): DockerPort =>
  PublicPort === undefined ? { PrivatePort, Type } : { IP, PrivatePort, PublicPort, Type };

describe('ports in a list', () => {
  const cases: readonly [what: string, ports: readonly DockerPort[], text: string][] = [
    ['none', [], ''],
    ['exposed', [port(443), port(80)], '80/tcp, 443/tcp'],
    ['of both families', [port(80, 8080, '::'), port(80, 8080)], '0.0.0.0:8080->80/tcp, [::]:8080->80/tcp'],
    ['in a row, with equal numbers', [port(8001, 8001), port(8000, 8000), port(8002, 8002)], '0.0.0.0:8000-8002->8000-8002/tcp'],
    ['in a row, with other numbers', [port(80, 8080), port(81, 8081)], '0.0.0.0:8080->80/tcp, 0.0.0.0:8081->81/tcp'],
    ['with a gap', [port(80, 80), port(82, 82)], '0.0.0.0:80->80/tcp, 0.0.0.0:82->82/tcp'],
    ['of several protocols', [port(53, 53), port(53, 53, '0.0.0.0', 'udp')], '0.0.0.0:53->53/tcp, 0.0.0.0:53->53/udp'],
    ['exposed and published', [port(9000), port(9001), port(80, 8080)], '9000-9001/tcp, 0.0.0.0:8080->80/tcp'],
  ];
  for (const [what, ports, text] of cases) test(what, () => assert.equal(formatPorts(ports), text));
});
