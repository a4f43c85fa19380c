import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addressFromBytes,
  addressToBytes,
  contains,
  formatAddress,
  formatSubnet,
  isLoopback,
  lastAddress,
  overlaps,
  parseAddress,
  parseCidr,
  subnetOf,
  type Address,
  type Subnet,
} from './addresses.ts';

const v4: fc.Arbitrary<Address> = fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((value) => ({ family: 4, value }));
const v6: fc.Arbitrary<Address> = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map((value) => ({ family: 6, value }));
/** IPv6 with many zero groups, which are the ones that are written shorter. */
const sparse: fc.Arbitrary<Address> = fc
  .array(fc.constantFrom(0n, 0n, 0n, 1n, 0xabcdn), { minLength: 8, maxLength: 8 })
  .map((groups) => ({ family: 6, value: groups.reduce<bigint>((value, group) => (value << 16n) | group, 0n) }));
const any = fc.oneof(v4, v6, sparse);
const subnet: fc.Arbitrary<Subnet> = fc
  .tuple(v4, fc.integer({ min: 0, max: 32 }))
  .map(([address, prefixLength]) => subnetOf(address, prefixLength));

test('addresses are the same after being printed, or turned to bytes, and read', () => {
  fc.assert(
    fc.property(any, (address) => {
      assert.deepEqual(parseAddress(formatAddress(address)), address);
      assert.deepEqual(addressFromBytes(addressToBytes(address)), address);
    }),
  );
});

test('IPv6 is printed as the URL standard prints it', () => {
  fc.assert(
    fc.property(fc.oneof(v6, sparse), (address) => {
      const text = formatAddress(address);
      assert.equal(new URL(`http://[${text}]/`).hostname, `[${text}]`);
    }),
  );
});

test('exactly what Node takes for an address is one', () => {
  const piece = fc.constantFrom('0', '1', '255', '256', '01', '127', '.', ':', '::', 'ffff', 'fffff', 'g', '%', '/', '', ' ', '-1', 'dead');
  const near = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
  const broken = fc.tuple(any, fc.nat(40), fc.constantFrom('', ':', '.', '0', '::')).map(([address, place, extra]) => {
    const text = formatAddress(address);
    return text.slice(0, place) + extra + text.slice(place + 1);
  });
  fc.assert(
    fc.property(fc.oneof(near, broken, fc.string()), (text) => {
      const expected = text.includes('%') ? 0 : isIP(text);
      assert.equal(parseAddress(text)?.family ?? 0, expected, text);
    }),
    { numRuns: 3000 },
  );
});

test('well-known addresses', () => {
  assert.equal(parseAddress('::ffff:192.0.2.1')?.value, 0xffff_c000_0201n);
  assert.equal(formatAddress({ family: 6, value: 1n }), '::1');
  assert.equal(formatAddress({ family: 6, value: 0n }), '::');
  assert.equal(parseAddress('010.0.0.1'), null);
  const loopbacks = ['127.0.0.53', '::1', '::ffff:127.0.0.1', '128.0.0.1', '::2', '8.8.8.8'].map((text) => {
    const address = parseAddress(text);
    return address !== null && isLoopback(address);
  });
  assert.deepEqual(loopbacks, [true, true, true, false, false, false]);
});

test('a subnet holds its first and last address, and no neighbour', () => {
  fc.assert(
    fc.property(subnet, (one) => {
      const last = lastAddress(one);
      assert.ok(contains(one, { family: 4, value: one.base }) && contains(one, last));
      assert.ok(!contains(one, { family: 4, value: one.base - 1n }) && !contains(one, { family: 4, value: last.value + 1n }));
      assert.deepEqual(parseCidr(formatSubnet(one))?.subnet, one);
    }),
  );
});

test('two subnets overlap when one holds the first address of the other', () => {
  fc.assert(
    fc.property(subnet, subnet, (a, b) => {
      const expected = contains(a, { family: 4, value: b.base }) || contains(b, { family: 4, value: a.base });
      assert.equal(overlaps(a, b), expected);
      assert.equal(overlaps(b, a), expected);
    }),
  );
  const everything = parseCidr('::/0')?.subnet;
  assert.ok(everything !== undefined && !overlaps(everything, subnetOf({ family: 4, value: 0n }, 0)));
});

test('a CIDR that is none is refused', () => {
  for (const text of [
    '',
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0.0/',
    '/8',
    '10.0.0/8',
    '10.0.0.0/8/8',
    '::/129',
    '10.0.0.0/-1',
    ' 10.0.0.0/8',
  ]) {
    assert.equal(parseCidr(text), null, text);
  }
});
