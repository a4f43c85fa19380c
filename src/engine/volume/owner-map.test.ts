import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { allIds, formatOwnerMap } from './owner-map.ts';

const range = { first: 100_000, count: 65_536 };

test('without an owner each id on disk is the container’s of the same number', () => {
  assert.equal(formatOwnerMap(range), '0 100000 65536\n');
  assert.equal(formatOwnerMap(range, 0), '0 100000 65536\n');
});

test('an owner on disk is the root, the others stay, and the disk’s root is nobody', () => {
  assert.equal(formatOwnerMap(range, 1000), '1000 100000 1\n1 100001 999\n1001 101001 64535\n');
  assert.equal(formatOwnerMap(range, 1), '1 100000 1\n2 100002 65534\n');
  assert.equal(formatOwnerMap(range, 70_000), '70000 100000 1\n1 100001 65535\n');
  assert.equal(formatOwnerMap(allIds, 1000), '1000 0 1\n1 1 999\n1001 1001 4294966294\n');
});

test('no id is mapped twice on either side, and none outside of the range', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 0xffff_fffe }), fc.constantFrom(range, allIds), (owner, { first, count }) => {
      const lines = formatOwnerMap({ first, count }, owner)
        .trim()
        .split('\n')
        .map((line) => line.split(' ').map(Number) as [number, number, number]);
      for (const side of [0, 1] as const) {
        const spans = lines.map((line) => [line[side], line[side] + line[2]] as const).toSorted((one, other) => one[0] - other[0]);
        for (const [index, [start]] of spans.entries()) assert.ok(index === 0 || start >= (spans[index - 1]?.[1] ?? 0));
      }
      for (const [disk, host, length] of lines) {
        assert.ok(length > 0 && host >= first && host + length <= first + count);
        assert.ok(disk > 0 && disk + length <= 0xffff_ffff);
      }
      assert.deepEqual(lines[0], [owner, first, 1]);
    }),
  );
});
