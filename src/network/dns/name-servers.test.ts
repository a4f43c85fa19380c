import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { decode } from 'dns-packet';
import { isOrlopError } from '#errors';
import { createLogger } from '#log';
import { loadAddon } from '#sys';
import { addAddress, setLink } from '../netlink/requests.ts';
import { openRouteSocket } from '../netlink/socket.ts';
import { ip, isInOwnNetwork, openTestNamespace, rerunInOwnNetwork, whyNoNetworks, type TestNamespace } from '../testing/own-network.ts';
import { openNameServers } from './name-servers.ts';
import { dig, runInside } from './testing/inside.ts';
import { a, openFakeServer, respond, type FakeServerOptions } from './testing/fake-server.ts';
import { createDirectory, place } from './testing/places.ts';

const whyNot = whyNoNetworks() || (spawnSync('dig', ['-v']).error !== undefined && 'needs dig');

if (!isInOwnNetwork()) {
  test('names are served in network namespaces', { skip: whyNot }, () => rerunInOwnNetwork(import.meta.filename));
} else {
  const addon = loadAddon();
  {
    using host = openRouteSocket(addon);
    host.change(setLink({ name: 'lo' }, { up: true }), addAddress(1, ip('198.51.100.54'), 32));
  }
  const directory = createDirectory(
    place('web', 'back', { names: ['web', 'www'], address: '172.18.0.2', address6: 'fd00::2' }),
    place('db', 'back', { names: ['db', 'www'], address: '172.18.0.3' }),
  );

  /** A served container, and the host's servers as a file names them. */
  async function serve(t: TestContext, change: { servers?: readonly string[]; isInternal?: () => boolean } = {}) {
    const scratch = mkdtempSync(join(tmpdir(), 'orlop-names-'));
    const resolvConf = join(scratch, 'resolv.conf');
    writeFileSync(resolvConf, 'nameserver 127.0.0.53\n');
    const namespace = await openTestNamespace(addon, true);
    const servers = openNameServers({ addon, directory, logger: createLogger({ level: 'error', sink: () => {} }), resolvConf });
    t.after(async () => {
      servers[Symbol.dispose]();
      await namespace[Symbol.asyncDispose]();
      rmSync(scratch, { recursive: true });
    });
    await servers.serve('web', namespace.fd, change);
    return { namespace, servers, resolvConf };
  }
  const upstream = (answer: FakeServerOptions['answer']) => openFakeServer({ address: '127.0.0.53', port: 53, answer });

  describe('a container', () => {
    test('asks for its neighbours, over UDP and TCP', async (t) => {
      const { namespace } = await serve(t);
      for (const transport of ['+notcp', '+tcp']) {
        assert.equal(await dig(namespace, '+short', transport, 'db'), '172.18.0.3\n');
        assert.equal(await dig(namespace, '+short', transport, 'WEB.Back.', 'AAAA'), 'fd00::2\n');
        assert.equal(await dig(namespace, '+short', transport, '-x', '172.18.0.2'), 'web.back.\n');
      }
      const both = (await dig(namespace, '+short', 'www')).trim().split('\n');
      assert.deepEqual(new Set(both), new Set(['172.18.0.2', '172.18.0.3']));
      const none = await dig(namespace, 'db', 'AAAA');
      assert.match(none, /status: NOERROR/);
      assert.match(none, /ANSWER: 0,/);
      assert.match(none, /EDNS: version: 0, flags:; udp: 1232/);
      assert.match(none, /SERVER: 127\.0\.0\.11#53/);
    });

    test('asks several things on one connection', async (t) => {
      const { namespace } = await serve(t);
      assert.equal(await dig(namespace, '+short', '+tcp', '+keepopen', 'db', 'web', 'db', 'AAAA'), '172.18.0.3\n172.18.0.2\n');
    });

    test('may have a server of its own on port 53 of every address', async (t) => {
      const { namespace } = await serve(t);
      const own = createSocket('udp4');
      own.bind({ fd: addon.bindInNamespace(namespace.fd, 2, '0.0.0.0', 53) });
      const ownStream = addon.bindInNamespace(namespace.fd, 1, '0.0.0.0', 53);
      own.on('message', (message, from) => {
        message[2] = 0x80;
        message[3] = 0x83;
        own.send(message, from.port, from.address);
      });
      assert.match(await runInside(namespace, 'dig', '@127.0.0.1', '+tries=1', 'db'), /NXDOMAIN/);
      for (const transport of ['+notcp', '+tcp']) assert.equal(await dig(namespace, '+short', transport, 'db'), '172.18.0.3\n');
      own.close();
      addon.close(ownStream);
    });

    test('cannot take the redirection away', async (t) => {
      const { namespace } = await serve(t);
      await runInside(namespace, 'nft', 'flush', 'ruleset');
      assert.equal(await dig(namespace, '+short', 'db'), '172.18.0.3\n');
    });

    test('finds them with the resolver of its C library', async (t) => {
      const { namespace, resolvConf } = await serve(t);
      writeFileSync(resolvConf, 'nameserver 127.0.0.11\noptions ndots:0\n');
      using inside = openRouteSocket(addon, namespace.fd);
      // It asks for addresses of a family only when it has one itself.
      inside.change(addAddress(1, ip('172.18.0.2'), 32));
      const script = `mount --bind ${resolvConf} /etc/resolv.conf && getent ahostsv4 db | head -1 && getent hosts 172.18.0.2`;
      const said = await runInside(namespace, 'unshare', '--mount', 'sh', '-c', script);
      assert.match(said, /^172\.18\.0\.3 +STREAM db\n172\.18\.0\.2 +web\.back\n$/);
    });

    test('is answered whatever sense it makes, and the server goes on', async (t) => {
      const { namespace } = await serve(t);
      const client = createSocket('udp4');
      client.bind({ fd: addon.bindInNamespace(namespace.fd, 2, '127.0.0.1', 0) });
      for (let size = 0; size < 80; size += 1) client.send(Buffer.alloc(size, size), 53, '127.0.0.11');
      const message = Buffer.alloc(12);
      client.send(message, 53, '127.0.0.11');
      await new Promise<void>((resolve) => {
        client.on('message', (answer) => (answer.readUInt16BE(0) === 0 && answer.length === 12 ? resolve() : undefined));
      });
      client.close();
      assert.equal(await dig(namespace, '+short', 'db'), '172.18.0.3\n');
    });

    test('that is served again has a server again, also where an engine that was killed left one', async (t) => {
      const { namespace, servers } = await serve(t);
      const rules = await runInside(namespace, 'nft', 'list', 'ruleset');
      await servers.serve('web', namespace.fd);
      assert.equal(await dig(namespace, '+short', 'db'), '172.18.0.3\n');
      assert.equal(await runInside(namespace, 'nft', 'list', 'ruleset'), rules, 'the one that is there goes on');
      // What another engine serves in the same namespace stands for the one that was killed and is still going.
      const next = openNameServers({ addon, directory, logger: createLogger({ level: 'error', sink: () => {} }) });
      const served = next.serve('web', namespace.fd);
      servers.stop('web');
      await served;
      assert.equal(await dig(namespace, '+short', '+tcp', 'db'), '172.18.0.3\n');
      next[Symbol.dispose]();
    });

    test('that has ended leaves nothing of its server', async (t) => {
      const { namespace, servers } = await serve(t);
      servers.stop('web');
      servers.stop('web');
      assert.match(await dig(namespace, 'db'), /exit 9/);
      assert.equal(await runInside(namespace, 'nft', 'list', 'ruleset'), '');
    });
  });

  describe('a name that no container has', () => {
    test("is asked of the host's servers, and answered as they do", async (t) => {
      await using server = await upstream((query) => {
        const types = new Map<string, () => ReturnType<typeof respond>>([
          ['txt.example', () => respond(query, [{ type: 'TXT', name: 'txt.example', data: 'hello' }], 0x20)],
          ['nobody.example', () => respond(query, [], 3)],
        ]);
        return types.get(query.questions?.[0]?.name ?? '')?.() ?? [a('www.example', '198.51.100.7')];
      });
      const { namespace } = await serve(t);
      assert.equal(await dig(namespace, '+short', 'www.example'), '198.51.100.7\n');
      assert.equal(await dig(namespace, '+short', '+tcp', 'www.example'), '198.51.100.7\n');
      assert.match(await dig(namespace, '+dnssec', 'txt.example', 'TXT'), /flags:.* ad[;, ][^]*"hello"/);
      assert.match(await dig(namespace, 'nobody.example'), /NXDOMAIN/);
      assert.equal(server.asked.length, 4);
    });

    test('with a long answer is asked for again over TCP', async (t) => {
      const many = Array.from({ length: 150 }, (_, index) => a('many.example', `198.51.100.${index}`));
      await using server = await upstream((query, isStream) => (isStream ? many : respond(query, [], 0x0200)));
      const { namespace } = await serve(t);
      assert.equal((await dig(namespace, '+short', 'many.example')).trim().split('\n').length, 150);
      assert.deepEqual(server.asked, ['many.example A udp', 'many.example A udp', 'many.example A tcp']);
    });

    test('is asked of other servers when the host names others', async (t) => {
      await using _old = await upstream(() => [a('www.example', '198.51.100.1')]);
      await using _new = await openFakeServer({ address: '127.0.0.54', port: 53, answer: () => [a('www.example', '198.51.100.2')] });
      const { namespace, resolvConf } = await serve(t);
      assert.equal(await dig(namespace, '+short', 'www.example'), '198.51.100.1\n');
      writeFileSync(resolvConf, 'nameserver 127.0.0.54\n');
      const deadline = Date.now() + 20_000;
      while ((await dig(namespace, '+short', 'www.example')) !== '198.51.100.2\n')
        assert.ok(Date.now() < deadline, 'the change was not noticed');
    });

    test("is asked of the container's own servers when it names some", async (t) => {
      await using host = await upstream(() => [a('www.example', '198.51.100.1')]);
      await using _own = await openFakeServer({ address: '198.51.100.54', port: 53, answer: () => [a('www.example', '198.51.100.2')] });
      const { namespace } = await serve(t, { servers: ['198.51.100.55', '198.51.100.54'] });
      assert.equal(await dig(namespace, '+short', 'www.example'), '198.51.100.2\n');
      assert.deepEqual(host.asked, []);
    });

    test('is asked inside the container of a server on its own loopback', async (t) => {
      await using host = await openFakeServer({ address: '127.0.0.1', port: 53, answer: () => [a('www.example', '198.51.100.1')] });
      const { namespace, servers } = await serve(t, { servers: ['127.0.0.11', '127.0.0.1'] });
      const own = createSocket('udp4');
      t.after(() => own.close());
      own.bind({ fd: addon.bindInNamespace(namespace.fd, 2, '127.0.0.1', 53) });
      let asked = 0;
      own.on('message', (message, from) => {
        asked += 1;
        own.send(respond(decode(message), [a('www.example', '198.51.100.2')]), from.port, from.address);
      });
      assert.equal(await dig(namespace, '+short', 'www.example'), '198.51.100.2\n');
      assert.equal(asked, 1);
      await servers.serve('web', namespace.fd, { servers: ['127.0.0.11'] });
      assert.match(await dig(namespace, 'www.example'), /SERVFAIL/, 'our own server does not ask itself');
      assert.deepEqual(host.asked, []);
    });

    test('is nobody when there is nobody to ask, or nobody may be asked', async (t) => {
      await using host = await upstream(() => [a('www.example', '198.51.100.1')]);
      const { namespace, resolvConf } = await serve(t, { isInternal: () => true });
      assert.match(await dig(namespace, 'www.example'), /SERVFAIL/);
      assert.equal(await dig(namespace, '+short', 'db'), '172.18.0.3\n');
      assert.deepEqual(host.asked, []);
      writeFileSync(resolvConf, '');
      const other = await serve(t);
      writeFileSync(other.resolvConf, '');
      assert.match(await dig(other.namespace, 'www.example'), /SERVFAIL/);
    });
  });

  describe('a greedy container', () => {
    test('has a bounded number of questions that wait', async (t) => {
      await using silent = await upstream(() => null);
      const { namespace, servers } = await serve(t);
      const client = createSocket('udp4');
      t.after(() => client.close());
      client.bind({ fd: addon.bindInNamespace(namespace.fd, 2, '127.0.0.1', 0) });
      const refused = new Promise<number>((resolve) => {
        client.on('message', (answer) => resolve(answer.readUInt16BE(2) & 0xf));
      });
      let isRefused = false;
      void refused.then(() => (isRefused = true));
      for (let id = 0; !isRefused; id += 1) {
        assert.ok(id < 1000);
        await new Promise((resolve) => client.send(plainQuestion(id), 53, '127.0.0.11', resolve));
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.equal(await refused, 5);
      assert.ok(silent.asked.length <= 256 && silent.asked.length > 200, `${silent.asked.length} were passed on`);
      servers.stop('web');
    });

    test('has a bounded number of connections', async (t) => {
      const { namespace } = await serve(t);
      const question = plainQuestion(1, 'db');
      const script = `
        const { connect } = require('net'); let answered = 0; let over = 0;
        const question = Buffer.from('${Buffer.concat([Buffer.of(0, question.length), question]).toString('hex')}', 'hex');
        const count = () => ++over === 100 && (console.log(answered), process.exit(0));
        for (let i = 0; i < 100; i++) {
          let had = false;
          connect(53, '127.0.0.11', function () { this.write(question); }).on('error', () => {})
            .on('data', () => { had = true; answered++; count(); }).on('close', () => had || count());
        }`;
      assert.equal(await runInside(namespace, process.execPath, '-e', script), '64\n');
      assert.equal(await dig(namespace, '+short', 'db'), '172.18.0.3\n');
    });
  });

  describe('where the kernel cannot redirect', () => {
    const without = {
      ...addon,
      netlinkOpen: (protocol: number, netns: number) => (protocol === 12 ? refuse() : addon.netlinkOpen(protocol, netns)),
    };
    const refuse = (): never => {
      throw Object.assign(new Error('no nf_tables'), { code: 'EPROTONOSUPPORT' });
    };
    const options = { addon: without, directory, logger: createLogger({ level: 'error', sink: () => {} }) };

    test('port 53 itself is listened on', async () => {
      await using namespace = await openTestNamespace(addon, true);
      using servers = openNameServers(options);
      await servers.serve('web', namespace.fd);
      for (const transport of ['+notcp', '+tcp']) assert.equal(await dig(namespace, '+short', transport, 'db'), '172.18.0.3\n');
    });

    test("a container's own server is named as what is in the way", async () => {
      await using namespace: TestNamespace = await openTestNamespace(addon, true);
      using servers = openNameServers(options);
      const own = addon.bindInNamespace(namespace.fd, 1, '127.0.0.11', 53);
      await assert.rejects(servers.serve('web', namespace.fd), (error) => isOrlopError(error, 'failed-precondition'));
      addon.close(own);
    });
  });

  test('containers that come and go leave no descriptor behind', async () => {
    const descriptors = (): number => readdirSync('/proc/self/fd').length;
    await using namespace = await openTestNamespace(addon, true);
    using servers = openNameServers({ addon, directory, logger: createLogger({ level: 'error', sink: () => {} }) });
    const before = descriptors();
    for (let round = 0; round < 20; round += 1) {
      const served = servers.serve(`c${round}`, namespace.fd);
      // Some end while they begin.
      if (round % 3 === 0) servers.stop(`c${round}`);
      await served;
      servers.stop(`c${round}`);
    }
    const deadline = Date.now() + 20_000;
    while (descriptors() > before) {
      assert.ok(Date.now() < deadline, `${descriptors() - before} are left`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });

  test('twelve hundred names in one network are all found', async () => {
    const crowd = createDirectory(
      ...Array.from({ length: 1200 }, (_, index) =>
        place(`c${index}`, 'crowd', { names: [`c${index}`, 'all'], address: `10.1.${index >> 8}.${index & 255}` }),
      ),
    );
    await using namespace = await openTestNamespace(addon, true);
    using servers = openNameServers({ addon, directory: crowd, logger: createLogger({ level: 'error', sink: () => {} }) });
    await servers.serve('c7', namespace.fd);
    const answers = new Map<number, string>();
    const client = createSocket('udp4');
    client.bind({ fd: addon.bindInNamespace(namespace.fd, 2, '127.0.0.1', 0) });
    const { promise, resolve } = Promise.withResolvers<void>();
    const ask = (id: number): void => client.send(plainQuestion(id, `c${id}`), 53, '127.0.0.11');
    client.on('message', (answer) => {
      answers.set(answer.readUInt16BE(0), [...answer.subarray(-4)].join('.'));
      if (answers.size === 1200) resolve();
      else ask(answers.size);
    });
    ask(0);
    await promise;
    client.close();
    for (const [id, address] of answers) assert.equal(address, `10.1.${id >> 8}.${id & 255}`);
    const all = (await dig(namespace, '+short', 'all')).trim().split('\n');
    assert.equal(new Set(all).size, 1200, 'an answer of 1,200 addresses comes over TCP');
  });
}

/** A question for an address as a small resolver writes it. */
function plainQuestion(id: number, name = 'www.example'): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]));
  return Buffer.concat([Buffer.of(id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0), ...labels, Buffer.of(0, 0, 1, 0, 1)]);
}
