import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { isOrlopError } from '#errors';
import type { Endpoint } from '#network';
import { recordWith, requestWith } from '../fixtures/records.ts';
import { containerFiles } from './files.ts';
import { machineResolvConf, parseExtraHost, updateHostFiles, writeHostFiles } from './host-files.ts';
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
    test(`${entry} is ${name} at ${address}`, () => assert.deepEqual(parseExtraHost(entry, ['172.17.0.1']), [[name, address]]));
  }

  for (const entry of ['', 'db', ':10.0.0.5', '=10.0.0.5', 'db:', 'db=', 'db:[]']) {
    test(`${JSON.stringify(entry)} is none, and named`, () => {
      assert.throws(
        () => parseExtraHost(entry, ['172.17.0.1']),
        (error: unknown) => isOrlopError(error, 'invalid-argument') && error.message === `bad format for add-host: "${entry}"`,
      );
    });
  }

  test('needs an address', () => {
    assert.throws(
      () => parseExtraHost('db:nowhere', []),
      (error: unknown) => isOrlopError(error, 'invalid-argument') && error.message === 'invalid IP address in add-host: "nowhere"',
    );
  });

  test('stands for every way to the host, and needs one', () => {
    assert.deepEqual(parseExtraHost('gate:host-gateway', ['172.17.0.1', 'fd00::1']), [
      ['gate', '172.17.0.1'],
      ['gate', 'fd00::1'],
    ]);
    assert.throws(() => parseExtraHost('gate:host-gateway', []), /host-gateway needs a network with a way to the host/);
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

const inNetwork = (network: string, change: Partial<Endpoint> = {}): Endpoint => ({ ...endpoint, network, networkId: network, ...change });

async function write(t: TestContext, record: ContainerRecord, places: readonly Endpoint[]) {
  const root = mkdtempSync(join(tmpdir(), 'orlop-hosts-'));
  t.after(() => rmSync(root, { recursive: true }));
  const files = containerFiles(root, record.id);
  mkdirSync(files.directory, { recursive: true });
  const service = await writeHostFiles(files, record, places);
  const text = (path: string): string => readFileSync(path, 'utf8');
  return { files, service, text, hosts: text(files.hosts).split('\n'), hostname: text(files.hostname), resolvConf: text(files.resolvConf) };
}

describe('the files over /etc', () => {
  test('name the container at its address, its extra hosts, and the loopback', async (t) => {
    const request = requestWith({ extraHosts: ['db:10.0.0.5', 'gate:host-gateway'] });
    const { hosts, hostname, resolvConf } = await write(t, recordWith({ hostname: 'web', request }), [endpoint]);
    for (const line of ['127.0.0.1\tlocalhost', '172.17.0.2\tweb', '10.0.0.5\tdb', '172.17.0.1\tgate']) {
      assert.ok(hosts.includes(line), `${line} is missing in ${hosts.join('|')}`);
    }
    assert.equal(hostname, 'web\n');
    assert.match(resolvConf, /^nameserver /m);
  });

  test('a container without a network finds itself at the loopback', async (t) => {
    const { hosts } = await write(t, recordWith({ hostname: 'web', network: 'none' }), []);
    assert.ok(hosts.includes('127.0.1.1\tweb'), hosts.join('|'));
  });

  test('a domain name comes first, the short name after it, each once', async (t) => {
    const { hosts, hostname } = await write(t, recordWith({ hostname: 'web', request: requestWith({ domainname: 'example.org' }) }), [
      endpoint,
    ]);
    assert.ok(hosts.includes('172.17.0.2\tweb.example.org web'), hosts.join('|'));
    assert.equal(hostname, 'web\n');
  });

  test('are written anew at each start', async (t) => {
    const record = recordWith({ hostname: 'web' });
    const { files, text } = await write(t, record, [endpoint]);
    await writeHostFiles(files, record, [{ ...endpoint, address: '10.9.8.7' }]);
    assert.match(text(files.hosts), /^10\.9\.8\.7\tweb$/m);
    assert.doesNotMatch(text(files.hosts), /172\.17\.0\.2/);
  });

  test('name the engine as the server of whoever is in a user network, and say whom it asks', async (t) => {
    const own = await write(t, recordWith({ hostname: 'web', network: 'back' }), [endpoint, inNetwork('back')]);
    assert.match(own.resolvConf, /^nameserver 127\.0\.0\.11$/m);
    assert.deepEqual(own.service, {});
    const request = requestWith({ dns: ['10.0.0.53'] });
    assert.deepEqual((await write(t, recordWith({ request, network: 'back' }), [inNetwork('back')])).service, { servers: ['10.0.0.53'] });
  });

  test('name asked-for servers on the default bridge themselves', async (t) => {
    const request = requestWith({ dns: ['10.0.0.53'], dnsSearch: ['lan'], dnsOptions: ['rotate'] });
    const { resolvConf, service } = await write(t, recordWith({ request }), [endpoint]);
    assert.deepEqual(resolvConf.split('\n').slice(0, 3), ['nameserver 10.0.0.53', 'search lan', 'options rotate']);
    assert.equal(service, null);
  });

  test("are the host's own resolver in the host's network, where the host is at the loopback", async (t) => {
    const place = { ...inNetwork('host'), driver: 'host' as const };
    const request = requestWith({ extraHosts: ['gate:host-gateway'] });
    const { resolvConf, hosts, service } = await write(t, recordWith({ network: 'host', request }), [place]);
    assert.equal(resolvConf, readFileSync('/etc/resolv.conf', 'utf8'));
    assert.ok(hosts.includes('127.0.0.1\tgate'));
    assert.equal(service, null);
  });

  test('take the gateway of the network with the default route', async (t) => {
    const request = requestWith({ extraHosts: ['gate:host-gateway'] });
    const places = [
      inNetwork('a', { gateway: '172.18.0.1' }),
      inNetwork('z', { gateway: '172.19.0.1', gateway6: 'fd00::1', wishes: { priority: 1 } }),
    ];
    const { hosts } = await write(t, recordWith({ request, network: 'a' }), places);
    assert.deepEqual(
      hosts.filter((line) => line.endsWith('\tgate')),
      ['172.19.0.1\tgate', 'fd00::1\tgate'],
    );
  });
});

describe('the files of a running container', () => {
  const record = recordWith({ hostname: 'web' });

  test('follow its networks in place, and keep what it wrote into its hosts', async (t) => {
    const { files, text } = await write(t, record, [endpoint]);
    const inode = statSync(files.hosts).ino;
    appendFileSync(files.hosts, '10.1.1.1\tprinter\n');
    const service = await updateHostFiles(files, record, [endpoint, inNetwork('back', { address: '172.18.0.2' })]);
    assert.match(text(files.hosts), /^172\.17\.0\.2\tweb\n172\.18\.0\.2\tweb\n10\.1\.1\.1\tprinter$/m);
    assert.match(text(files.resolvConf), /^nameserver 127\.0\.0\.11$/m);
    assert.deepEqual(service, {});
    assert.equal(await updateHostFiles(files, record, [endpoint]), null);
    assert.doesNotMatch(text(files.hosts) + text(files.resolvConf), /172\.18|127\.0\.0\.11/);
    assert.equal(statSync(files.hosts).ino, inode);
  });

  test('leave a resolver alone that the container has changed', async (t) => {
    const { files, text } = await write(t, record, [endpoint]);
    writeFileSync(files.resolvConf, 'nameserver 10.9.9.9\n');
    await updateHostFiles(files, record, [endpoint, inNetwork('back')]);
    assert.equal(text(files.resolvConf), 'nameserver 10.9.9.9\n');
  });

  test('are no concern of ours in a machine, whose resolver always asks the engine', async () => {
    const machine = recordWith({ kind: 'system', hostname: 'web', request: requestWith({ kind: 'system', dns: ['10.0.0.53'] }) });
    const files = containerFiles('/nowhere', machine.id);
    assert.deepEqual(await writeHostFiles(files, machine, [endpoint]), { servers: ['10.0.0.53'] });
    assert.deepEqual(await updateHostFiles(files, machine, [endpoint]), { servers: ['10.0.0.53'] });
    assert.match(await machineResolvConf(machine), /^nameserver 127\.0\.0\.11$/m);
    assert.equal(await writeHostFiles(files, { ...machine, network: 'none' }, []), null);
  });
});
