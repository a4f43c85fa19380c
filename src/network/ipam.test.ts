import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { contains, formatAddress, parseAddress, type Address } from './addresses.ts';
import { addressSpaceOf, formatMac, isSubnetsOwn, isUnicastMac, lowestFree, macOf, parseMac } from './ipam.ts';

function address(text: string): Address {
  const parsed = parseAddress(text);
  assert.ok(parsed !== null);
  return parsed;
}

test("every address of a range is given once, never a kept one nor the subnet's own, and then none is left", () => {
  fc.assert(
    fc.property(fc.integer({ min: 24, max: 32 }), fc.boolean(), (length, isSix) => {
      const text = isSix ? `fd00::/${length + 96}` : `10.7.0.0/${length}`;
      const space = addressSpaceOf({ subnet: text, ...(length < 32 ? { gateway: isSix ? 'fd00::1' : '10.7.0.1' } : {}) });
      const given = new Set<bigint>();
      for (
        let next = lowestFree(space, 0n, (value) => given.has(value));
        next !== null;
        next = lowestFree(space, 0n, (value) => given.has(value))
      ) {
        assert.ok(
          contains(space.subnet, next) && !given.has(next.value) && !space.kept.has(next.value) && !isSubnetsOwn(space.subnet, next),
        );
        given.add(next.value);
      }
      const all = 2 ** (32 - length);
      const own = all <= 2 ? 0 : isSix ? 1 : 2;
      assert.equal(given.size, all - own - (length < 32 ? 1 : 0));
    }),
    { numRuns: 18 },
  );
});

test('a pool gives addresses of its range only, and none of its auxiliary ones', () => {
  const space = addressSpaceOf({ subnet: '10.0.0.0/16', gateway: '10.0.0.1', range: '10.0.5.0/30', auxiliary: { router: '10.0.5.1' } });
  const next = (taken: bigint[]): string | null => {
    const address = lowestFree(space, 0n, (value) => taken.includes(value));
    return address && formatAddress(address);
  };
  assert.equal(next([]), '10.0.5.0');
  assert.equal(next([address('10.0.5.0').value]), '10.0.5.2');
  assert.equal(next(['10.0.5.0', '10.0.5.2', '10.0.5.3'].map((text) => address(text).value)), null);
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
