import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { contains, formatAddress, lastAddress, parseAddress, parseCidr, type Address, type Subnet } from './addresses.ts';
import { allocateAddress, formatMac, gatewayOf, isUnicastMac, macOf, parseMac } from './ipam.ts';

function subnet(text: string): Subnet {
  const parsed = parseCidr(text);
  assert.ok(parsed !== null);
  return parsed.subnet;
}

function address(text: string): Address {
  const parsed = parseAddress(text);
  assert.ok(parsed !== null);
  return parsed;
}

test('the lowest free address is given, and a released one again', () => {
  const network = subnet('10.0.0.0/24');
  const used = new Set<bigint>();
  const given = [1, 2, 3].map(() => {
    const next = allocateAddress(network, used);
    used.add(next.value);
    return formatAddress(next);
  });
  assert.deepEqual(given, ['10.0.0.2', '10.0.0.3', '10.0.0.4']);
  used.delete(address('10.0.0.3').value);
  assert.equal(formatAddress(allocateAddress(network, used)), '10.0.0.3');
});

test('every address is given once, never the reserved ones, and then the subnet is full', () => {
  fc.assert(
    fc.property(fc.integer({ min: 24, max: 32 }), (prefixLength) => {
      const network = subnet(`10.7.0.0/${prefixLength}`);
      const used = new Set<bigint>();
      const capacity = Math.max(0, 2 ** (32 - prefixLength) - 3);
      for (let count = 0; count < capacity; count += 1) {
        const next = allocateAddress(network, used);
        assert.ok(contains(network, next) && !used.has(next.value));
        assert.ok(![network.base, gatewayOf(network).value, lastAddress(network).value].includes(next.value));
        used.add(next.value);
      }
      assert.throws(
        () => allocateAddress(network, used),
        (error) => isOrlopError(error, 'resource-exhausted'),
      );
    }),
    { numRuns: 9 },
  );
});

test('a wanted address is given, or refused for what it is', () => {
  const network = subnet('172.17.0.0/16');
  const used = [address('172.17.5.5').value];
  assert.equal(formatAddress(allocateAddress(network, used, address('172.17.200.3'))), '172.17.200.3');
  const kinds = ['172.17.5.5', '172.17.0.0', '172.17.0.1', '172.17.255.255', '172.18.0.2', 'fd00::2'].map((text) => {
    try {
      return formatAddress(allocateAddress(network, used, address(text)));
    } catch (error) {
      return isOrlopError(error) ? error.kind : error;
    }
  });
  assert.deepEqual(kinds, ['conflict', ...Array.from({ length: 5 }, () => 'invalid-argument')]);
});

test('hardware addresses follow from addresses, are unicast and local, and survive printing', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }), (value) => {
      const mac = macOf({ family: 4, value });
      assert.ok(isUnicastMac(mac) && ((mac[0] ?? 0) & 2) !== 0);
      assert.deepEqual(parseMac(formatMac(mac)), mac);
    }),
  );
  assert.equal(formatMac(macOf(address('172.17.0.2'))), '02:4f:ac:11:00:02');
  assert.deepEqual(['02:4f', '02-4f-ac-11-00-02', '02:4f:ac:11:00:zz', ''].map(parseMac), [null, null, null, null]);
  assert.deepEqual([Uint8Array.of(1, 0, 0, 0, 0, 1), new Uint8Array(6), new Uint8Array(5)].map(isUnicastMac), [false, false, false]);
});
