import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { planPools } from './address-plan.ts';
import { formatSubnet, overlaps, parseCidr, subnetOf, type Subnet } from './addresses.ts';
import { localPool, localSubnet } from './pools.ts';

const local = localSubnet(Uint8Array.of(1, 2, 3, 4, 5));
const gateways = { 4: true, 6: true };
const subnet = (text: string): Subnet => {
  const cidr = parseCidr(text);
  assert.ok(cidr !== null);
  return cidr.subnet;
};
const anySubnet = fc
  .tuple(fc.bigInt({ min: 0xac10_0000n, max: 0xac1f_ffffn }), fc.integer({ min: 12, max: 32 }))
  .map(([value, prefixLength]) => subnetOf({ family: 4, value }, prefixLength));

test('the engine has a /48 of its own, and networks have /64 of it', () => {
  assert.equal(formatSubnet(local), 'fd01:203:405::/48');
  assert.deepEqual(localPool(local).slice(0, 3).map(formatSubnet), ['fd01:203:405::/64', 'fd01:203:405:1::/64', 'fd01:203:405:2::/64']);
});

test('a chosen subnet never overlaps what the host or another network uses', () => {
  fc.assert(
    fc.property(fc.array(anySubnet, { maxLength: 12 }), fc.array(anySubnet, { maxLength: 12 }), (host, networks) => {
      let pools;
      try {
        ({ pools } = planPools({ name: 'x', ipv6: true }, { host, networks, local }, gateways));
      } catch (error) {
        assert.ok(isOrlopError(error, 'resource-exhausted'));
        return;
      }
      const chosen = pools.map((pool) => subnet(pool.subnet));
      assert.deepEqual(
        chosen.map(({ family }) => family),
        [4, 6],
      );
      assert.ok(chosen.every((one) => [...host, ...networks].every((other) => !overlaps(one, other))));
    }),
  );
});

test('what was asked for is taken as it is, in one way of writing, and the rest is chosen', () => {
  const facts = { host: [subnet('10.1.0.0/16')], networks: [], local };
  const request = { name: 'x', ipv6: true, pools: [{ subnet: 'FD00:0::/64', auxiliary: { router: 'fd00::0:1' } }] };
  const { pools, warnings } = planPools(request, facts, gateways);
  assert.deepEqual(pools, [
    { subnet: '172.17.0.0/16', gateway: '172.17.0.1' },
    { subnet: 'fd00::/64', auxiliary: { router: 'fd00::1' }, gateway: 'fd00::2' },
  ]);
  assert.deepEqual(warnings, []);
  const overlapping = planPools({ name: 'x', pools: [{ subnet: '10.1.2.0/24' }] }, facts, gateways);
  assert.deepEqual(overlapping.warnings, ['subnet 10.1.2.0/24 overlaps one that the host uses']);
  const without = planPools({ name: 'x', pools: [{ subnet: 'fd00::/64' }, {}] }, facts, gateways);
  assert.deepEqual([without.pools.length, without.warnings.length], [1, 1]);
  assert.equal(planPools({ name: 'x' }, facts, { 4: false, 6: false }).pools[0]?.gateway, undefined);
});

test('all that is wrong is told at once', () => {
  const pools = [
    { subnet: '10.0.0.1/8', gateway: 'fd00::1' },
    { subnet: 'ff02::/64', range: 'fe90::/65', auxiliary: { a: 'x' } },
  ];
  assert.throws(
    () => planPools({ name: 'x', ipv6: true, pools }, { host: [], networks: [], local }, gateways),
    (error) => {
      assert.ok(isOrlopError(error, 'invalid-argument'));
      const lines = error.message.split('\n');
      assert.equal(lines[0], 'invalid network config:');
      assert.equal(lines.length, 6);
      return true;
    },
  );
});

test('nothing that a client may send breaks it', () => {
  const text = fc.oneof(
    fc.constantFrom('', '10.0.0.0/8', '10.0.0.0/33', 'fd00::/64', '::/0', '0.0.0.0/0', '10.0.0.1', 'x'),
    fc.string({ maxLength: 12 }),
  );
  const pool = fc.record(
    { subnet: text, gateway: text, range: text, auxiliary: fc.dictionary(fc.string({ maxLength: 3 }), text, { maxKeys: 2 }) },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.array(pool, { maxLength: 3 }), fc.boolean(), (pools, ipv6) => {
      try {
        planPools({ name: 'x', pools, ipv6 }, { host: [], networks: [], local }, gateways);
      } catch (error) {
        assert.ok(isOrlopError(error) && error.kind !== 'internal', String(error));
      }
    }),
    { numRuns: 500 },
  );
});
