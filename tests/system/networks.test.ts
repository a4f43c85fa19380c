import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { after, afterEach, before, describe, test } from 'node:test';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

const image = 'busybox';

/** Answers every connection to its port with a word. */
const server = (word: string, port = 80): string[] => [image, 'nc', '-ll', '-p', String(port), '-e', 'echo', word];

describe('networks', { skip: whyNot() }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
  });
  after(() => engine[Symbol.asyncDispose]());
  afterEach(async () => {
    const ids = (await engine.must('ps', '-aq')).split('\n').filter((id) => id !== '');
    if (ids.length > 0) await engine.must('rm', '-f', ...ids);
    await engine.must('network', 'prune', '-f');
  });

  /** What a container hears from another's port; '' when nobody answers. */
  const ask = async (from: string, to: string, port = 80): Promise<string> =>
    (await engine.orlop('exec', from, 'sh', '-c', `nc -w 2 ${to} ${port} </dev/null`)).stdout.trim();
  /** What the host hears; '' when nobody answers. */
  const askFromHost = async (address: string, port: string): Promise<string> => {
    try {
      return (await connectTo(address, Number(port))).trim();
    } catch {
      return '';
    }
  };
  /** A server may need a moment until it listens. */
  const hears = async (asking: () => Promise<string>, word: string): Promise<void> => {
    let heard = '';
    for (const deadline = Date.now() + 10_000; Date.now() < deadline; await delay(20)) {
      heard = await asking();
      if (heard === word) return;
    }
    assert.equal(heard, word);
  };
  const inspect = async (ref: string, format: string): Promise<string> => engine.must('inspect', '-f', format, ref);
  const portOf = async (ref: string, inside: string): Promise<string> => {
    const [first = ''] = (await engine.must('port', ref, inside)).split('\n');
    return first.slice(first.lastIndexOf(':') + 1);
  };
  const remove = (...names: string[]): Promise<string> => engine.must('rm', '-f', ...names);

  test('containers of a user network find each other by name, alias and short id, and not those of other networks', async () => {
    await engine.must('network', 'create', 'mine');
    await engine.must('network', 'create', 'other');
    const id = await engine.must('run', '-d', '--name', 'web', '--network', 'mine', '--network-alias', 'www', ...server('hello'));
    await engine.must('run', '-d', '--name', 'client', '--network', 'mine', image, 'sleep', '1000');
    await engine.must('run', '-d', '--name', 'stranger', '--network', 'other', image, 'sleep', '1000');
    for (const name of ['web', 'www', id.slice(0, 12)]) await hears(() => ask('client', name), 'hello');
    assert.equal(await ask('stranger', 'web'), '');
    assert.equal(await ask('stranger', await inspect('web', '{{.NetworkSettings.Networks.mine.IPAddress}}')), '');
    const shown = await inspect('web', '{{json .NetworkSettings.Networks.mine.DNSNames}}');
    assert.deepEqual(JSON.parse(shown), ['web', 'www', id.slice(0, 12)]);
    await engine.must('rename', 'web', 'front');
    await hears(() => ask('client', 'front'), 'hello');
    assert.equal(await ask('client', 'web'), '');
    await remove('front', 'client', 'stranger');
    await engine.must('network', 'rm', 'mine', 'other');
  });

  test('a running container is connected and disconnected, and its files and names follow', async () => {
    await engine.must('network', 'create', '--subnet', '10.213.1.0/24', 'late');
    await engine.must('run', '-d', '--name', 'web', '--network', 'late', ...server('late'));
    await engine.must('run', '-d', '--name', 'client', image, 'sleep', '1000');
    assert.equal(await ask('client', 'web'), '');
    await engine.must('network', 'connect', '--ip', '10.213.1.77', '--alias', 'friend', 'late', 'client');
    await hears(() => ask('client', 'web'), 'late');
    assert.match(await engine.must('exec', 'client', 'cat', '/etc/hosts'), /^10\.213\.1\.77\s/m);
    assert.match(await engine.must('exec', 'client', 'ip', '-o', 'addr'), /eth1 +inet 10\.213\.1\.77\/24/);
    assert.deepEqual(Object.keys(JSON.parse(await engine.must('network', 'inspect', '-f', '{{json .Containers}}', 'late'))).length, 2);
    await engine.must('network', 'disconnect', 'late', 'client');
    assert.equal(await ask('client', 'web'), '');
    assert.doesNotMatch(await engine.must('exec', 'client', 'cat', '/etc/hosts'), /10\.213\.1\.77/);
    assert.doesNotMatch(await engine.must('exec', 'client', 'ip', '-o', 'addr'), /eth1/);
    const again = await engine.orlop('network', 'disconnect', 'late', 'client');
    assert.deepEqual([again.code, /is not connected to network late/.test(again.stderr)], [1, true]);
    const busy = await engine.orlop('network', 'rm', 'late');
    assert.equal(busy.code, 1);
    assert.match(busy.stderr, /has active endpoints/);
    await remove('web', 'client');
    assert.equal(await engine.must('network', 'prune', '-f'), 'Deleted Networks:\nlate');
  });

  test('a stopped container takes its new places at its next start, and keeps its address', async () => {
    await engine.must('network', 'create', 'kept');
    await engine.must('create', '--name', 'box', '--network', 'kept', image, 'sleep', '1000');
    await engine.must('network', 'connect', 'bridge', 'box');
    await engine.must('start', 'box');
    const address = await inspect('box', '{{.NetworkSettings.Networks.kept.IPAddress}}');
    assert.match(await engine.must('exec', 'box', 'ip', '-o', '-4', 'addr'), /eth0.*\n.*eth1/);
    await engine.must('restart', '-t', '0', 'box');
    assert.equal(await inspect('box', '{{.NetworkSettings.Networks.kept.IPAddress}}'), address);
    await remove('box');
    assert.match(await engine.must('system', 'prune', '-f', '--filter', 'label=none'), /^Total reclaimed space/);
    assert.match(await engine.must('system', 'prune', '-f'), /^Deleted Networks:\nkept$/m);
  });

  test('a container may be made before its networks, and starts once they are there', async () => {
    await engine.must('create', '--name', 'early', '--network', 'later', image, 'sleep', '1000');
    assert.equal(await inspect('early', '{{json .NetworkSettings.Networks.later.NetworkID}}'), '""');
    const refused = await engine.orlop('start', 'early');
    assert.deepEqual([refused.code, /network later not found/.test(refused.stderr)], [1, true], refused.stderr);
    await engine.must('network', 'create', '--label', 'passing', 'later');
    await engine.must('start', 'early');
    assert.match(await inspect('early', '{{.NetworkSettings.Networks.later.IPAddress}}'), /^\d/);
    const busy = await engine.orlop('network', 'rm', 'later');
    assert.match(busy.stderr, /has active endpoints/);
    const prune = ['network', 'prune', '-f', '--filter', 'label=passing'];
    assert.doesNotMatch(await engine.must(...prune), /later/);
    await engine.must('stop', '-t', '0', 'early');
    assert.match(await engine.must(...prune), /^Deleted Networks:\nlater$/m);
    assert.match((await engine.orlop('start', 'early')).stderr, /network later not found/);
    await engine.must('network', 'disconnect', '-f', 'later', 'early');
    assert.equal(await inspect('early', '{{len .NetworkSettings.Networks}}'), '0');
    await engine.must('network', 'create', 'later');
    await remove('early');
    await engine.must('network', 'rm', 'later');
  });

  test('a published port answers on the host, on its loopback, and to other containers', async () => {
    await engine.must('run', '-d', '--name', 'web', '-p', '80', '-p', '127.0.0.1::81', ...server('published'));
    await engine.must('run', '-d', '--name', 'client', image, 'sleep', '1000');
    const port = await portOf('web', '80');
    const gateway = await inspect('client', '{{.NetworkSettings.Gateway}}');
    await hears(() => askFromHost('127.0.0.1', port), 'published');
    await hears(() => askFromHost('::1', port), 'published');
    await hears(() => askFromHost(gateway, port), 'published');
    await hears(() => ask('client', gateway, Number(port)), 'published');
    assert.match(await engine.must('ps', '--format', '{{.Ports}}', '--filter', 'name=web'), new RegExp(`0\\.0\\.0\\.0:${port}->80/tcp`));
    assert.equal(await engine.must('ps', '-q', '--filter', `publish=${port}`), await engine.must('ps', '-q', '--filter', 'name=web'));
    const taken = await engine.orlop('run', '--rm', '-p', `${port}:80`, image, 'true');
    assert.equal(taken.code, 125);
    assert.match(taken.stderr, /port is already allocated/);
    await engine.must('stop', '-t', '0', 'web');
    assert.equal(await askFromHost('127.0.0.1', port), '');
    await remove('web', 'client');
  });

  test('ports of a running container come and go, and are kept for its next start', async () => {
    await engine.must('run', '-d', '--name', 'web', ...server('changing'));
    await engine.must('update', '--publish-add', '127.0.0.1::80', 'web');
    const port = await portOf('web', '80');
    await hears(() => askFromHost('127.0.0.1', port), 'changing');
    await engine.must('restart', '-t', '0', 'web');
    const next = await portOf('web', '80');
    await hears(() => askFromHost('127.0.0.1', next), 'changing');
    await engine.must('update', '--publish-rm', `127.0.0.1:${next}`, 'web');
    assert.equal(await askFromHost('127.0.0.1', next), '');
    assert.equal(await engine.must('port', 'web'), '');
    const missing = await engine.orlop('update', '--publish-rm', '9', 'web');
    assert.match(missing.stderr, /container web publishes no port 9\/tcp/);
    await remove('web');
  });

  test('in a routed network a port is published at the address of its container, also by the next engine', async () => {
    await engine.must('network', 'create', '-o', 'com.docker.network.bridge.gateway_mode_ipv4=routed', 'open');
    await engine.must('run', '-d', '--name', 'web', '--network', 'open', '-p', '8080:80', ...server('routed'));
    await engine.must('run', '-d', '--name', 'client', image, 'sleep', '1000');
    const address = await inspect('web', '{{.NetworkSettings.Networks.open.IPAddress}}');
    await hears(() => ask('client', address), 'routed');
    assert.equal(await inspect('web', '{{json .NetworkSettings.Ports}}'), '{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":""}]}');
    assert.equal(await engine.must('ps', '--format', '{{.Ports}}', '--filter', 'name=web'), '0.0.0.0:0->80/tcp');
    assert.equal(await askFromHost('127.0.0.1', '8080'), '');
    await engine.kill();
    await engine.start();
    await hears(() => ask('client', address), 'routed');
    await engine.must('update', '--publish-rm', '8080', 'web');
    assert.equal(await ask('client', address), '');
    await engine.must('update', '--publish-add', '80', 'web');
    await hears(() => ask('client', address), 'routed');
    await remove('web', 'client');
  });

  test('an engine that was killed serves names and ports again', async () => {
    await engine.must('network', 'create', 'lasting');
    await engine.must('run', '-d', '--name', 'web', '--network', 'lasting', '-p', '127.0.0.1::80', ...server('lasting'));
    await engine.must('run', '-d', '--name', 'client', '--network', 'lasting', image, 'sleep', '1000');
    const port = await portOf('web', '80');
    await engine.kill();
    await engine.start();
    await hears(() => ask('client', 'web'), 'lasting');
    await hears(() => askFromHost('127.0.0.1', port), 'lasting');
    assert.equal(await portOf('web', '80'), port);
    const taken = await engine.orlop('run', '--rm', '-p', `127.0.0.1:${port}:80`, image, 'true');
    assert.match(taken.stderr, /port is already allocated/);
    await remove('web', 'client');
    assert.equal(await askFromHost('127.0.0.1', port), '');
    await engine.must('network', 'rm', 'lasting');
  });

  test('a container without IPv6 is reached by it as well, with and without an engine', async () => {
    await engine.must('run', '-d', '--name', 'web', '-p', '[::]::80', ...server('carried'));
    const port = await portOf('web', '80');
    await hears(() => askFromHost('::1', port), 'carried');
    await engine.kill();
    await hears(() => askFromHost('::1', port), 'carried');
    await engine.start();
    await hears(() => askFromHost('::1', port), 'carried');
    await engine.must('update', '--publish-add', '[::1]::80', '--publish-rm', port, 'web');
    const next = await portOf('web', '80');
    await hears(() => askFromHost('::1', next), 'carried');
    assert.equal(await askFromHost('::1', port), '');
    await engine.must('restart', '-t', '0', 'web');
    const last = await portOf('web', '80');
    await hears(() => askFromHost('::1', last), 'carried');
    await remove('web');
    assert.equal(await askFromHost('::1', last), '');
  });

  test('a container shares the network of another: its addresses, names and files', async () => {
    await engine.must('network', 'create', 'shared');
    const id = await engine.must('run', '-d', '--name', 'owner', '--network', 'shared', ...server('owner'));
    await engine.must('run', '-d', '--name', 'guest', '--network', 'container:owner', image, 'sleep', '1000');
    await hears(() => ask('guest', '127.0.0.1'), 'owner');
    await hears(() => ask('guest', 'owner'), 'owner');
    assert.equal(await engine.must('exec', 'guest', 'hostname'), id.slice(0, 12));
    assert.equal(await engine.must('exec', 'guest', 'cat', '/etc/hosts'), await engine.must('exec', 'owner', 'cat', '/etc/hosts'));
    assert.equal(await inspect('guest', '{{.HostConfig.NetworkMode}} {{.NetworkSettings.Networks}}'), `container:${id} map[]`);
    const maps = ['owner', 'guest'].map((name) => engine.must('exec', name, 'cat', '/proc/self/uid_map'));
    assert.equal(await maps[0], await maps[1]);
    // The ids of a container that ends are not given to the next while another has them.
    await engine.must('stop', '-t', '0', 'owner');
    await engine.must('run', '-d', '--name', 'next', image, 'sleep', '1000');
    assert.notEqual(await engine.must('exec', 'next', 'cat', '/proc/self/uid_map'), await maps[1]);
    const orphan = await engine.orlop('run', '--rm', '--network', 'container:owner', image, 'true');
    assert.match(orphan.stderr, /cannot join network of a non running container/);
    await remove('owner', 'guest', 'next');
    await engine.must('network', 'rm', 'shared');
  });

  test('a container that shares the network of a machine finds the machine’s neighbours', async () => {
    await engine.must('network', 'create', 'ward');
    await engine.must('run', '-d', '--name', 'web', '--network', 'ward', ...server('neighbour'));
    await engine.must('launch', '--network', 'ward', 'busybox', 'machine');
    await engine.must('run', '-d', '--name', 'guest', '--network', 'container:machine', image, 'sleep', '1000');
    await hears(() => ask('guest', 'web'), 'neighbour');
    await hears(() => ask('machine', 'web'), 'neighbour');
    const address = await inspect('machine', '{{.NetworkSettings.Networks.ward.IPAddress}}');
    assert.match(
      await engine.must('exec', 'guest', 'cat', '/etc/hosts'),
      new RegExp(`^${address.replaceAll('.', String.raw`\.`)}\\smachine$`, 'm'),
    );
  });

  test('containers that share a network outlive the engine, and then the owner, with their ids', async () => {
    await engine.must('run', '-d', '--name', 'owner', ...server('still'));
    await engine.must('run', '-d', '--name', 'guest', '--network', 'container:owner', image, 'sleep', '1000');
    await engine.kill();
    await engine.start();
    await hears(() => ask('guest', '127.0.0.1'), 'still');
    await engine.must('stop', '-t', '0', 'owner');
    const ids = await engine.must('exec', 'guest', 'cat', '/proc/self/uid_map');
    await engine.must('run', '-d', '--name', 'next', image, 'sleep', '1000');
    assert.notEqual(await engine.must('exec', 'next', 'cat', '/proc/self/uid_map'), ids);
  });

  test('a privileged container shares a network with the ids of the host', async () => {
    await engine.must('run', '-d', '--name', 'owner', ...server('owner'));
    const told = await engine.must(
      'run',
      '--rm',
      '--privileged',
      '--network',
      'container:owner',
      image,
      'sh',
      '-c',
      'cat /proc/self/uid_map; ls /sys/class/net',
    );
    assert.match(told, /^\s*0\s+0\s+4294967295\neth0\nlo$/);
  });

  test('what cannot be is refused in words that programs know, and leaves nothing', async () => {
    await engine.must('run', '-d', '--name', 'owner', image, 'sleep', '1000');
    const cases: readonly [args: string[], message: RegExp][] = [
      [['--network', 'nowhere'], /network nowhere not found/],
      [['--network', 'container:nobody'], /No such container: nobody/],
      [['--network', 'container:owner', '-p', '80'], /conflicting options: port publishing and the container type network mode/],
      [['--network', 'container:owner', '--hostname', 'x'], /conflicting options: hostname and the network mode/],
      [['--network', 'bridge', '--ip', '10.0.0.2'], /user specified IP address is supported on user defined networks only/],
      [['--network-alias', 'x'], /network-scoped alias is supported only for containers in user defined networks/],
    ];
    for (const [args, message] of cases) {
      const refused = await engine.orlop('run', '--rm', ...args, image, 'true');
      assert.deepEqual([refused.code, message.test(refused.stderr)], [125, true], `${args.join(' ')}: ${refused.stderr}`);
    }
    const builtIn = await engine.orlop('network', 'rm', 'bridge');
    assert.match(builtIn.stderr, /pre-defined/);
    const twice = await engine.orlop('network', 'connect', 'bridge', 'owner');
    assert.match(twice.stderr, /endpoint with name owner already exists in network bridge/);
    const host = await engine.orlop('network', 'connect', 'host', 'owner');
    assert.match(host.stderr, /cannot connect container to host network/);
    const none = await engine.orlop('network', 'connect', 'none', 'owner');
    assert.match(none.stderr, /one of the networks in private \(none\) mode/);
    assert.equal((await engine.must('ps', '-aq')).split('\n').length, 1);
    await remove('owner');
  });
});

/** All that is said on a connection. */
async function connectTo(address: string, port: number): Promise<string> {
  const socket = connect({ host: address, port });
  socket.setTimeout(5000, () => socket.destroy(new Error('timeout')));
  let said = '';
  for await (const chunk of socket as AsyncIterable<Buffer>) said += chunk.toString();
  return said;
}
