import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrnoError, isOrlopError } from '#errors';
import { createLogger } from '#log';
import { formatAddress, parseAddress } from '../addresses.ts';
import type { Firewall } from '../firewall/firewall.ts';
import type { Forward } from '../firewall/forwards.ts';
import type { Endpoint, NetworkCalls } from '../types.ts';
import { createFreePorts } from './free-ports.ts';
import { openPorts, type PublishingRules } from './ports.ts';
import { openHostPorts } from './sockets.ts';
import type { PortWish, PublishedPort } from './types.ts';

/** A host on which other programs have these ports, `tcp 0.0.0.0 80`. */
function createHost(others: readonly string[] = []) {
  const held = new Map<number, string>();
  let last = 100;
  const names: Record<number, string> = { 6: 'tcp', 17: 'udp', 132: 'sctp' };
  const refuse = (errno: string): never => {
    throw new ErrnoError({ errno, syscall: 'bind' });
  };
  return {
    held,
    addon: {
      serveHeldPort() {},
      holdPort(protocol: number, address: string, port: number): number {
        if (protocol === 132) return refuse('EPROTONOSUPPORT');
        if (address === '192.0.2.99') return refuse('EADDRNOTAVAIL');
        const key = `${names[protocol]} ${address} ${port}`;
        if (others.includes(key) || [...held.values()].includes(key)) return refuse('EADDRINUSE');
        last += 1;
        held.set(last, key);
        return last;
      },
      close: (descriptor: number) => void held.delete(descriptor),
    },
  };
}

const addresses: Readonly<Record<string, Partial<Endpoint>>> = {
  both: { address: '172.17.0.2', address6: 'fd00::2' },
  other: { address: '172.17.0.3' },
  plain: { address: '172.17.0.4' },
  nowhere: {},
};

function endpointOf(containerId: string): Endpoint {
  const identity = { id: containerId, containerId, network: 'n', networkId: 'n', driver: 'bridge', names: [], wishes: {} } as const;
  return { ...identity, ...addresses[containerId] };
}

function createRig(
  options: {
    others?: readonly string[];
    publishAddresses?: readonly string[];
    binding?: string;
    rules?: PublishingRules;
    hasIpv6?: boolean;
  } = {},
) {
  const host = createHost(options.others);
  const forwards = new Map<string, readonly Forward[]>();
  const firewall: Firewall = {
    apply: async () => {},
    change: async () => {},
    leaveLoopback6: async () => {},
    remove: async () => {},
    state: () => ({ networks: null, forwards: [], leavesLoopback6: false }),
    async forward(containerId, wanted) {
      forwards.set(containerId, wanted);
      return [];
    },
    [Symbol.dispose]() {},
  };
  const lines: string[] = [];
  const ports = openPorts({
    filtersBridges: () => false,
    hasIpv6: () => options.hasIpv6 ?? true,
    addon: host.addon as unknown as NetworkCalls,
    firewall,
    logger: createLogger({ sink: (line) => lines.push(line) }),
    endpoints: (containerId) => [endpointOf(containerId)],
    rulesOf: () => ({ binding: options.binding, ...options.rules }),
    socket: { addresses: () => [], change() {}, link: () => null },
    ...(options.publishAddresses === undefined ? {} : { publishAddresses: options.publishAddresses }),
  });
  return { ports, forwards, lines, held: () => [...host.held.values()].toSorted() };
}

const tcp = (containerPort: number, hostPort?: number | [number, number], hostAddress?: string): PortWish => ({
  containerPort,
  protocol: 'tcp',
  ...(hostPort === undefined
    ? {}
    : { hostPort: typeof hostPort === 'number' ? { first: hostPort, last: hostPort } : { first: hostPort[0], last: hostPort[1] } }),
  ...(hostAddress === undefined ? {} : { hostAddress }),
});

const brief = (published: readonly PublishedPort[]): string[] =>
  published.map(({ hostAddress, hostPort, containerPort, protocol }) => `${hostAddress} ${hostPort} ${containerPort}/${protocol}`);

test('what names no address is published on every one of both families, also for a container of one: IPv6 is carried to it', async () => {
  const { ports, held } = createRig();
  assert.deepEqual(brief(await ports.reserve('both', [tcp(80, 8080)])), ['0.0.0.0 8080 80/tcp', ':: 8080 80/tcp']);
  assert.deepEqual(brief(await ports.reserve('plain', [tcp(80, 8081)])), ['0.0.0.0 8081 80/tcp', ':: 8081 80/tcp']);
  assert.deepEqual(brief(await ports.reserve('other', [tcp(80, 1, '::1')])), ['::1 1 80/tcp']);
  assert.deepEqual(held(), ['tcp 0.0.0.0 8080', 'tcp 0.0.0.0 8081', 'tcp :: 8080', 'tcp :: 8081', 'tcp ::1 1']);
  await assert.rejects(ports.reserve('nowhere', [tcp(80, 1)]), /no IP address/);
});

test("a routed family takes no port of the host: its containers' own are opened, with trust beside the host's", async () => {
  const routed = createRig({ rules: { isRouted: { 4: true, 6: false } } });
  const taken = await routed.ports.reserve('both', [tcp(80, 8080)]);
  assert.deepEqual(brief(taken), ['0.0.0.0 0 80/tcp', ':: 8080 80/tcp']);
  assert.deepEqual(routed.held(), ['tcp :: 8080']);
  routed.ports.hold('both', taken);
  await routed.ports.open('both', endpointOf('both'), taken);
  const opened = (forwards: readonly Forward[] | undefined): string[] =>
    (forwards ?? []).map(({ hostPort, target, targetPort }) => `${hostPort} ${formatAddress(target)} ${targetPort}`);
  assert.deepEqual(opened(routed.forwards.get('both')), ['0 172.17.0.2 80', '8080 fd00::2 80']);
  assert.deepEqual(brief(await routed.ports.reserve('plain', [tcp(80, 8081)])), ['0.0.0.0 0 80/tcp'], 'nobody carries IPv6 there');
  const trusting = createRig({ rules: { isTrusting: true } });
  await trusting.ports.open('other', endpointOf('other'), await trusting.ports.reserve('other', [tcp(80, 8080, '0.0.0.0')]));
  assert.deepEqual(opened(trusting.forwards.get('other')), ['8080 172.17.0.3 80', '0 172.17.0.3 80']);
});

test('nobody carries SCTP to a container without IPv6, nor anything on a host without it', async () => {
  const sctp = (hostAddress?: string): PortWish => ({ ...tcp(80, 8080, hostAddress), protocol: 'sctp' });
  const { ports } = createRig();
  assert.deepEqual(brief(await ports.reserve('plain', [sctp()])), ['0.0.0.0 8080 80/sctp']);
  await assert.rejects(ports.reserve('plain', [sctp('::1')]), /port 80 .* cannot be published on ::1: the container has no IPv6 address/);
  const old = createRig({ hasIpv6: false });
  assert.deepEqual(brief(await old.ports.reserve('plain', [tcp(80, 8080)])), ['0.0.0.0 8080 80/tcp']);
});

test('a port that was lent is lent again once whoever had it has closed it', () => {
  const host = createHost();
  const ports = openHostPorts(host.addon);
  const port = { protocol: 'tcp', address: parseAddress('::') ?? assert.fail(), port: 8080 } as const;
  assert.equal(ports.take('plain', port), null);
  const lent = ports.lend('plain', port) ?? assert.fail();
  assert.equal(ports.lend('plain', port), null);
  host.addon.close(lent);
  assert.notEqual(ports.lend('plain', port), null);
  assert.equal(ports.lend('other', port), null, 'it is not its port');
});

test('the engine, and a network, may publish elsewhere', async () => {
  const { ports } = createRig({ publishAddresses: ['127.0.0.1', '::1'] });
  assert.deepEqual(brief(await ports.reserve('both', [tcp(80, 8080)])), ['127.0.0.1 8080 80/tcp', '::1 8080 80/tcp']);
  const bound = createRig({ binding: '192.0.2.1' });
  assert.deepEqual(brief(await bound.ports.reserve('both', [tcp(80, 8080)])), ['192.0.2.1 8080 80/tcp']);
  assert.throws(() => createRig({ publishAddresses: ['localhost'] }), { code: 'NETWORK_PUBLISH_ADDRESS_BAD' });
});

test("a port that is taken is refused in Docker's words, and all or none is reserved", async () => {
  const { ports, held } = createRig({ others: ['tcp 0.0.0.0 22', 'tcp :: 23'] });
  await ports.reserve('both', [tcp(80, 8080), tcp(81, 8081, '127.0.0.1')]);
  const before = held();
  const refused = (wishes: PortWish[], message: string | RegExp, kind: 'conflict' | 'invalid-argument' = 'conflict') =>
    assert.rejects(
      ports.reserve('other', wishes),
      (error) => isOrlopError(error, kind) && (error.message === message || new RegExp(message).test(error.message)),
    );
  await refused([tcp(1, 9000), tcp(80, 8080)], 'Bind for 0.0.0.0:8080 failed: port is already allocated');
  await refused([tcp(1), tcp(80, 8080, '127.0.0.1')], 'Bind for 127.0.0.1:8080 failed: port is already allocated');
  await refused([tcp(80, 8081)], 'Bind for 0.0.0.0:8081 failed: port is already allocated');
  await refused([tcp(80, 5000), tcp(81, 5000)], 'Bind for 0.0.0.0:5000 failed: port is already allocated');
  await refused([tcp(80, 22)], 'failed to bind host port for 0.0.0.0:22:172.17.0.3:80/tcp: address already in use');
  await refused([tcp(80, 1, '192.0.2.99')], 'cannot assign requested address', 'invalid-argument');
  await refused([tcp(80, 1, 'localhost')], "'localhost' is not an IP address", 'invalid-argument');
  await assert.rejects(
    ports.reserve('both', [tcp(80, 23)]),
    /failed to bind host port for \[::\]:23:\[fd00::2\]:80\/tcp: address already in use/,
  );
  assert.deepEqual(held(), before);
  // Another address, protocol or family is another port.
  await ports.reserve('other', [tcp(80, 8081, '127.0.0.2'), { ...tcp(80, 8080), protocol: 'udp' }, { ...tcp(80, 8080), protocol: 'sctp' }]);
  await assert.rejects(ports.reserve('plain', [{ ...tcp(80, 8080), protocol: 'sctp' }]), /port is already allocated/);
});

test('a range gives the first free port, and leaves those that were asked for by number', async () => {
  const { ports } = createRig({ others: ['tcp 0.0.0.0 8000'], hasIpv6: false });
  const published = await ports.reserve('plain', [tcp(80, [8000, 8003]), tcp(81, [8000, 8003]), tcp(82, 8001)]);
  assert.deepEqual(brief(published), ['0.0.0.0 8002 80/tcp', '0.0.0.0 8003 81/tcp', '0.0.0.0 8001 82/tcp']);
  await assert.rejects(
    ports.reserve('other', [tcp(80, [8000, 8003])]),
    (error) => isOrlopError(error, 'resource-exhausted') && error.message === 'Bind for 0.0.0.0:8000-8003 failed: all ports are allocated',
  );
});

test('ports that nobody named are of the usual range, and none comes again soon', async () => {
  const free = createFreePorts({ first: 100, last: 103 });
  const draw = (): number => {
    for (const port of free.candidates()) return port;
    return assert.fail('no candidate');
  };
  assert.deepEqual(new Set(Array.from({ length: 4 }, draw)), new Set([100, 101, 102, 103]));
  assert.equal(new Set(free.candidates()).size, 4);
  const { ports } = createRig();
  const seen = new Set<number>();
  for (let round = 0; round < 50; round += 1) {
    const [published] = await ports.reserve('plain', [tcp(80)]);
    assert.ok(published !== undefined && published.hostPort >= 1_024 && !seen.has(published.hostPort));
    seen.add(published.hostPort);
    await ports.close('plain');
  }
});

test('opening leads there, gives up what is not named, and closing gives all up', async () => {
  const { ports, forwards, held } = createRig();
  const published = await ports.reserve('both', [tcp(80, 8080), tcp(81, 8081, '127.0.0.1')]);
  await ports.open('both', endpointOf('both'), published);
  assert.deepEqual(forwards.get('both'), [
    { protocol: 'tcp', hostAddress: null, hostPort: 8080, target: parseAddress('172.17.0.2'), targetPort: 80 },
    { protocol: 'tcp', hostAddress: null, hostPort: 8080, target: parseAddress('fd00::2'), targetPort: 80 },
    { protocol: 'tcp', hostAddress: parseAddress('127.0.0.1'), hostPort: 8081, target: parseAddress('172.17.0.2'), targetPort: 81 },
  ]);
  await ports.open('both', endpointOf('both'), published.slice(0, 1));
  assert.deepEqual([forwards.get('both')?.length, held()], [1, ['tcp 0.0.0.0 8080']]);
  await ports.close('both');
  await ports.close('both');
  assert.deepEqual([forwards.get('both'), held()], [[], []]);
});

test('what an earlier engine reserved is taken up, whatever another program did meanwhile', async () => {
  const { ports, lines, held } = createRig({ others: ['tcp 0.0.0.0 8080'], hasIpv6: false });
  const published = ['8080', '8081'].map(
    (port) => ({ containerPort: 80, protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: Number(port) }) as const,
  );
  ports.hold('plain', published);
  ports.hold('plain', published);
  assert.deepEqual(held(), ['tcp 0.0.0.0 8081']);
  assert.equal(lines.filter((line) => line.includes('in use by another program')).length, 1);
  await assert.rejects(ports.reserve('other', [tcp(80, 8080)]), /already allocated/);
  await ports.close('plain');
  assert.deepEqual(brief(await ports.reserve('other', [tcp(80, 8081)])), ['0.0.0.0 8081 80/tcp']);
});

test('beyond the limit ports are looked at and not held', () => {
  const host = createHost(['tcp 0.0.0.0 5']);
  const hostPorts = openHostPorts(host.addon, 2);
  const port = (number: number) => ({ protocol: 'tcp', address: { family: 4, value: 0n }, port: number }) as const;
  assert.deepEqual(
    [1, 2, 3, 4].map((number) => hostPorts.take('box', port(number))),
    [null, null, null, null],
  );
  assert.deepEqual([...host.held.values()], ['tcp 0.0.0.0 1', 'tcp 0.0.0.0 2']);
  assert.equal(hostPorts.take('box', port(5)), 'another program');
  assert.deepEqual(hostPorts.take('other', port(4)), { containerId: 'box' });
  hostPorts.release('box', [port(1)]);
  assert.equal(hostPorts.take('box', port(6)), null);
  assert.equal(host.held.size, 2);
  hostPorts[Symbol.dispose]();
  assert.equal(host.held.size, 0);
});
