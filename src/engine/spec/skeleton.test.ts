import assert from 'node:assert/strict';
import { test } from 'node:test';
import { skeletonKey, skeletonOf } from '#runtime';
import { recordWith, requestWith } from '../fixtures/records.ts';
import type { CreateRequest } from '../model.ts';
import { buildSpec } from './build-spec.ts';
import { planMounts } from './mounts.ts';
import { planSkeleton, usualSkeleton, type SkeletonFacts } from './skeleton.ts';

const facts = (request: Partial<CreateRequest> = {}, change: Partial<SkeletonFacts> = {}): SkeletonFacts => ({
  kind: 'app',
  request: requestWith(request),
  network: 'bridge',
  ownUsers: true,
  ...change,
});
const usual = skeletonKey(usualSkeleton());
const isUsual = (request: Partial<CreateRequest>, change: Partial<SkeletonFacts> = {}): boolean =>
  skeletonKey(planSkeleton(facts(request, change))) === usual;

test('most that is asked for an app leaves its skeleton the usual one', () => {
  assert.ok(isUsual({}));
  assert.ok(isUsual({}, { network: 'none' }));
  assert.ok(isUsual({ readOnlyRoot: true, tmpfs: { '/run': '', '/tmp': 'size=1m' }, init: true, terminal: true, capAdd: ['ALL'] }));
  assert.ok(isUsual({ sysctls: { 'net.ipv4.ip_forward': '1' }, user: '5', hostname: 'x', limits: { memoryBytes: 1e8 } }));
});

test('what changes /proc, /sys or /dev changes the skeleton', () => {
  assert.ok(!isUsual({ privileged: true }));
  assert.ok(!isUsual({ shmSizeBytes: 4096 }));
  assert.ok(!isUsual({ tmpfs: { '/dev/shm': 'size=1m' } }));
  assert.ok(!isUsual({}, { kind: 'system' }));
  assert.ok(!isUsual({}, { network: 'host' }));
  assert.ok(!isUsual({}, { ownUsers: false }));
  assert.ok(!isUsual({}, { devices: [{ path: '/dev/fuse', type: 'c', major: 10, minor: 229 }] }));
});

test('what is asked for takes the place of ours', () => {
  const places = planMounts('app', requestWith({ tmpfs: { '/dev/shm/': 'size=1m' } })).map(({ destination }) => destination);
  assert.ok(places.includes('/dev/shm/') && !places.includes('/dev/shm'));
});

test('a skeleton is a part of the spec whose sandbox it is', () => {
  const user = { uid: 0, gid: 0, groups: [], home: '/' };
  for (const kind of ['app', 'system'] as const) {
    for (const request of [{}, { privileged: true }, { tmpfs: { '/dev/mqueue': '' } }, { init: true }]) {
      const record = recordWith({ kind, request: requestWith({ kind, ...request }) });
      const layout = { mode: 'v1', hierarchies: [], unified: null, unifiedControllers: [] } as const;
      const spec = buildSpec(record, { user, ownUsers: true, init: null, layout });
      assert.equal(skeletonKey(planSkeleton({ ...record, ownUsers: true })), skeletonKey(skeletonOf(spec)));
    }
  }
});
