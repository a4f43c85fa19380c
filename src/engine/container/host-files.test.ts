import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { isOrlopError } from '#errors';
import type { Endpoint } from '#network';
import { recordWith, requestWith } from '../fixtures/records.ts';
import { containerFiles } from './files.ts';
import { parseExtraHost, writeHostFiles } from './host-files.ts';
import type { ContainerRecord } from './record.ts';

describe('an extra host', () => {
  const cases: readonly [entry: string, name: string, address: string][] = [
    ['db:10.0.0.5', 'db', '10.0.0.5'],
    ['db=10.0.0.5', 'db', '10.0.0.5'],
    ['db:::1', 'db', '::1'],
    ['db=fe80::1', 'db', 'fe80::1'],
    ['db:[fe80::1]', 'db', 'fe80::1'],
    ['db.example:10.0.0.5', 'db.example', '10.0.0.5'],
    ['gate:host-gateway', 'gate', '172.17.0.1'],
    ['gate=host-gateway', 'gate', '172.17.0.1'],
  ];
  for (const [entry, name, address] of cases) {
    test(`${entry} is ${name} at ${address}`, () => assert.deepEqual(parseExtraHost(entry, '172.17.0.1'), [name, address]));
  }

  for (const entry of ['', 'db', ':10.0.0.5', '=10.0.0.5', 'db:', 'db=', 'db:[]']) {
    test(`${JSON.stringify(entry)} is none, and named`, () => {
      assert.throws(
        () => parseExtraHost(entry, '172.17.0.1'),
        (error: unknown) => isOrlopError(error, 'invalid-argument') && error.message === `bad format for add-host: "${entry}"`,
      );
    });
  }

  test('without a bridge there is no gateway', () => {
    assert.throws(() => parseExtraHost('gate:host-gateway', undefined), /host-gateway needs the bridge network/);
  });
});

const endpoint: Endpoint = {
  id: 'e'.repeat(64),
  containerId: recordWith().id,
  network: 'bridge',
  networkId: 'n'.repeat(64),
  driver: 'bridge',
  bridge: 'orl0',
  hostLink: 'orl1',
  link: 'eth0',
  address: '172.17.0.2',
  prefixLength: 16,
  gateway: '172.17.0.1',
  mac: '02:4f:ac:11:00:02',
  names: [],
  wishes: {},
};

async function write(t: TestContext, record: ContainerRecord, place: Endpoint | null) {
  const root = mkdtempSync(join(tmpdir(), 'orlop-hosts-'));
  t.after(() => rmSync(root, { recursive: true }));
  const files = containerFiles(root, record.id);
  mkdirSync(files.directory, { recursive: true });
  await writeHostFiles(files, record, place);
  const read = (path: string): string => readFileSync(path, 'utf8');
  return { hosts: read(files.hosts).split('\n'), hostname: read(files.hostname), resolvConf: read(files.resolvConf) };
}

describe('the files over /etc', () => {
  test('name the container at its address, its extra hosts, and the loopback', async (t) => {
    const request = requestWith({ extraHosts: ['db:10.0.0.5', 'gate:host-gateway'] });
    const { hosts, hostname, resolvConf } = await write(t, recordWith({ hostname: 'web', request }), endpoint);
    for (const line of ['127.0.0.1\tlocalhost', '172.17.0.2\tweb', '10.0.0.5\tdb', '172.17.0.1\tgate']) {
      assert.ok(hosts.includes(line), `${line} is missing in ${hosts.join('|')}`);
    }
    assert.equal(hostname, 'web\n');
    assert.match(resolvConf, /^nameserver /m);
  });

  test('a container without a network finds itself at the loopback', async (t) => {
    const { hosts } = await write(t, recordWith({ hostname: 'web', network: 'none' }), null);
    assert.ok(hosts.includes('127.0.1.1\tweb'), hosts.join('|'));
  });

  test('a domain name comes first, the short name after it, each once', async (t) => {
    const { hosts, hostname } = await write(
      t,
      recordWith({ hostname: 'web', request: requestWith({ domainname: 'example.org' }) }),
      endpoint,
    );
    assert.ok(hosts.includes('172.17.0.2\tweb.example.org web'), hosts.join('|'));
    assert.equal(hostname, 'web\n');
  });

  test('are written anew at each start', async (t) => {
    const root = mkdtempSync(join(tmpdir(), 'orlop-hosts-'));
    t.after(() => rmSync(root, { recursive: true }));
    const record = recordWith({ hostname: 'web' });
    const files = containerFiles(root, record.id);
    mkdirSync(files.directory, { recursive: true });
    await writeHostFiles(files, record, endpoint);
    await writeHostFiles(files, record, { ...endpoint, address: '10.9.8.7' });
    const hosts = readFileSync(files.hosts, 'utf8');
    assert.match(hosts, /^10\.9\.8\.7\tweb$/m);
    assert.doesNotMatch(hosts, /172\.17\.0\.2/);
  });
});
