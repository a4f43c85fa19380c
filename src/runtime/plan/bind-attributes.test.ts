import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as k from '#sys';
import { dependsOnLocks, planBindAttributes } from './bind-attributes.ts';
import { listMountOptions } from '#sys';

const { MOUNT_ATTR_RDONLY: ro, MOUNT_ATTR_NOSUID: nosuid, MOUNT_ATTR_NODEV: nodev, MOUNT_ATTR_NOEXEC: noexec } = k;
const { MOUNT_ATTR_NOATIME: noatime, MOUNT_ATTR_NODIRATIME: nodiratime, MOUNT_ATTR_STRICTATIME: strictatime } = k;
const plain = ro | nosuid | nodev | noexec | k.MOUNT_ATTR_NOSYMFOLLOW;
const time = k.MOUNT_ATTR__ATIME;

test('without a flag among the options a bind mount is as its source', () => {
  for (const options of [[], ['rbind'], ['bind', 'rprivate', 'defaults'], ['rbind', 'rro', 'idmap']])
    assert.deepEqual(planBindAttributes(options, null), { set: 0, clear: 0 }, options.join());
});

test('with one the named flags hold and no others, be it one that takes away or that a bind mount cannot have', () => {
  const cases: [string, number, number][] = [
    ['ro', ro, plain & ~ro],
    ['rw', 0, plain],
    ['dev', 0, plain],
    ['sync', 0, plain],
    ['async', 0, plain],
    ['nosuid,noexec', nosuid | noexec, plain & ~(nosuid | noexec)],
    ['ro,rw', 0, plain],
    ['atime', 0, plain],
    ['relatime', 0, plain | time | nodiratime],
    ['noatime', noatime, plain | time | nodiratime],
    ['noatime,strictatime', strictatime, plain | time | nodiratime],
    ['nodiratime', nodiratime, plain | time],
    ['nodiratime,strictatime', strictatime | nodiratime, plain | time],
    ['ro,noatime,nodiratime', ro | noatime | nodiratime, (plain & ~ro) | time],
  ];
  for (const [options, set, clear] of cases) assert.deepEqual(planBindAttributes(options.split(','), null), { set, clear }, options);
});

test('what is locked stays unless the options speak against it', () => {
  const cases: [string, string, number | null][] = [
    ['ro,relatime', 'rw', null],
    ['ro,relatime', 'nosuid', ro | nosuid],
    ['ro,relatime', 'ro', ro],
    ['rw,nosuid,nodev,noatime', 'ro', ro | nosuid | nodev],
    ['rw,nosuid,nodev,noatime', 'ro,suid', null],
    ['rw,nosuid,nodev,noatime', 'ro,exec', ro | nosuid | nodev],
    ['rw,nodev,nosymfollow,relatime', 'rw', nodev],
    ['rw', 'noatime', null],
    ['rw', 'strictatime', strictatime],
    ['rw,noatime', 'relatime', null],
    ['rw,noatime', 'noatime', noatime],
    ['rw,relatime', 'nodiratime', null],
    ['rw,nodiratime,relatime', 'nodiratime', nodiratime],
    ['rw,noatime', 'atime', 0],
    ['rw', 'nostrictatime', 0],
    ['rw,nodev', 'nostrictatime', null],
  ];
  for (const [locked, options, set] of cases) {
    const planned = planBindAttributes(options.split(','), new Set(locked.split(',')));
    assert.equal(planned === null ? null : planned.set, set, `${options} on ${locked}`);
  }
});

test('nothing that is locked is ever taken away', () => {
  const locks = ['ro', 'nosuid', 'nodev', 'noexec'];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...listMountOptions())), fc.subarray(locks), (options, locked) => {
      const planned = planBindAttributes(options, new Set([...locked, 'relatime']));
      const bits: Readonly<Record<string, number>> = { ro, nosuid, nodev, noexec };
      for (const flag of planned === null ? [] : locked) assert.equal((planned?.clear ?? 0) & (bits[flag] ?? 0), 0);
    }),
  );
});

test('locks matter where something is named and could be locked', () => {
  assert.equal(dependsOnLocks(['rbind'], true), false);
  assert.equal(dependsOnLocks(['rbind', 'ro'], false), false);
  assert.equal(dependsOnLocks(['rbind', 'ro'], true), true);
  assert.equal(dependsOnLocks(['rbind', 'noatime'], false), true);
});
