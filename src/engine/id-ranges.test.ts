import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import { createIdRanges, createSharedRange, isShifted, rangeSize, type IdRange } from './id-ranges.ts';

/** UIDS-GIDS.md of systemd: ids that belong to containers. */
const lowest = 524_288;
const highest = 1_878_982_656 - 1;

function takeAll(ranges: ReturnType<typeof createIdRanges>): IdRange[] {
  const taken: IdRange[] = [];
  for (;;) {
    try {
      taken.push(ranges.take());
    } catch (error) {
      assert.ok(isOrlopError(error, 'resource-exhausted') && error.code === 'ENGINE_NO_ID_RANGE', String(error));
      return taken;
    }
  }
}

test('all ranges lie in what systemd leaves to containers, aligned, none twice, until there are no more', () => {
  const taken = takeAll(createIdRanges('/var/lib/orlop'));
  assert.equal(new Set(taken.map((range) => range.first)).size, taken.length);
  assert.ok(taken.length > 28_000, `only ${taken.length}`);
  for (const { first, count } of taken) {
    assert.equal(count, rangeSize);
    assert.equal(first % rangeSize, 0);
    assert.ok(first >= lowest && first + count - 1 <= highest, `${first} is not a container's`);
  }
});

test('a range that was given back can be taken again, and is the only one left', () => {
  const ranges = createIdRanges('/var/lib/orlop');
  const taken = takeAll(ranges);
  const returned = taken[1234];
  assert.ok(returned !== undefined);
  ranges.release(returned);
  assert.deepEqual(ranges.take(), returned);
  assert.throws(() => ranges.take(), /user-id ranges are in use/);
});

test('ranges are not taken again at once: files of the last holder would be readable to the next', () => {
  const ranges = createIdRanges('/var/lib/orlop');
  const first = ranges.take();
  ranges.release(first);
  assert.notDeepEqual(ranges.take(), first);
});

test('a range found in use is not handed out', () => {
  const range = createIdRanges('/var/lib/orlop').take();
  const later = createIdRanges('/var/lib/orlop');
  later.hold(range);
  assert.ok(takeAll(later).every((taken) => taken.first !== range.first));
});

test('a range with two holders is free when both have given it back', () => {
  const ranges = createIdRanges('/var/lib/orlop');
  const taken = takeAll(ranges);
  const shared = taken[77];
  assert.ok(shared !== undefined);
  ranges.hold(shared);
  ranges.release(shared);
  assert.throws(() => ranges.take(), /user-id ranges are in use/);
  ranges.release(shared);
  assert.deepEqual(ranges.take(), shared);
});

test('engines of different roots begin at different places', () => {
  const firsts = ['/var/lib/orlop', '/srv/orlop', '/tmp/a', '/tmp/b'].map((root) => createIdRanges(root).take().first);
  assert.equal(new Set(firsts).size, firsts.length);
});

test('several ranges in a row are one, which nobody else gets a part of until it is given back', () => {
  const ranges = createIdRanges('/var/lib/orlop');
  const wide = ranges.take(4 * rangeSize);
  assert.equal(wide.count, 4 * rangeSize);
  const others = takeAll(ranges);
  assert.ok(others.every(({ first }) => first < wide.first || first >= wide.first + wide.count));
  ranges.release(wide);
  assert.deepEqual(
    [0, 1, 2, 3].map(() => ranges.take().first).toSorted((a, b) => a - b),
    [0, 1, 2, 3].map((index) => wide.first + index * rangeSize),
  );
});

test('a wide range fits between those that are held, or there is none', () => {
  const ranges = createIdRanges('/var/lib/orlop');
  const taken = takeAll(ranges);
  const none = { first: 0, count: 0 };
  const [one = none, , three = none, four = none] = taken
    .filter(({ first }) => first > (taken[0]?.first ?? 0) + rangeSize)
    .toSorted((a, b) => a.first - b.first);
  ranges.release(one);
  ranges.release(three);
  assert.throws(() => ranges.take(2 * rangeSize), /no 131072 ids in a row/);
  ranges.release(four);
  assert.deepEqual(ranges.take(2 * rangeSize), { first: three.first, count: 2 * rangeSize });
});

test('in a machine all containers have its own ids, as they are', () => {
  const ranges = createSharedRange(200_000);
  const [one, other] = [ranges.take(), ranges.take(131_072)];
  assert.deepEqual(
    [one, other],
    [
      { first: 0, count: rangeSize },
      { first: 0, count: 131_072 },
    ],
  );
  assert.deepEqual([isShifted(one), isShifted(createIdRanges('/var/lib/orlop').take()), isShifted(null)], [false, true, false]);
  assert.throws(() => ranges.take(262_144), { code: 'ENGINE_NO_ID_RANGE' });
  assert.deepEqual(createSharedRange(1000).take(), { first: 0, count: 1000 });
});
