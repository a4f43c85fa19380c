import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadAddon } from '#sys';
import { recordWith, requestWith, v1Layout, v2Layout } from '../fixtures/records.ts';
import { deviceRules, hostDevices, parseDeviceRule } from './devices.ts';

test('a container may open only what every container may', () => {
  const denied = [{ allow: false, type: 'a', access: 'rwm' }];
  assert.deepEqual(deviceRules(recordWith(), [], v1Layout), denied);
  assert.deepEqual(deviceRules(recordWith(), [], v2Layout), []);
  assert.deepEqual(deviceRules(recordWith(), [], { ...v2Layout, devicePrograms: true }), denied);
  assert.deepEqual(deviceRules(recordWith({ request: requestWith({ privileged: true }) }), [], v1Layout), []);
});

test('a container may do with devices what was asked for', () => {
  const given = [
    { source: '/dev/fuse', target: '/dev/fuse', type: 'c', major: 10, minor: 229, mode: 0o600, uid: 0, gid: 0, permissions: 'r' },
  ] as const;
  const record = recordWith({ request: requestWith({ deviceRules: ['c 42:* rwm', 'b *:3 r', 'a *:* rwm'] }) });
  assert.deepEqual(deviceRules(record, given, v1Layout), [
    { allow: false, type: 'a', access: 'rwm' },
    { allow: true, type: 'c', major: 10, minor: 229, access: 'r' },
    { allow: true, type: 'c', major: 42, access: 'rwm' },
    { allow: true, type: 'b', minor: 3, access: 'r' },
    { allow: true, type: 'a', access: 'rwm' },
  ]);
  assert.throws(() => deviceRules(recordWith(), given, v2Layout), { code: 'ENGINE_NO_DEVICE_RULES' });
  const whole = given.map((device) => ({ ...device, permissions: 'rw' }));
  assert.deepEqual(deviceRules(recordWith(), whole, v2Layout), []);
  assert.throws(() => parseDeviceRule('c 1:3'), { message: "invalid device cgroup rule format: 'c 1:3'" });
});

test("the host's devices are nodes with numbers, without terminals of others and without its console", () => {
  const devices = hostDevices(loadAddon());
  const byPath = new Map(devices.map((device) => [device.path, device]));
  assert.deepEqual([byPath.get('/dev/null')?.type, byPath.get('/dev/null')?.major, byPath.get('/dev/null')?.minor], ['c', 1, 3]);
  assert.ok(!byPath.has('/dev/console'));
  assert.ok(devices.every(({ path }) => !path.startsWith('/dev/pts/')));
});
