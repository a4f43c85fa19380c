import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadAddon } from '#sys';
import { recordWith, requestWith, v1Layout, v2Layout } from '../fixtures/records.ts';
import { deviceRules, hostDevices } from './devices.ts';

test('a container without a user namespace of its own may open only what every container may', () => {
  const denied = [{ allow: false, type: 'a', access: 'rwm' }];
  assert.deepEqual(deviceRules(recordWith(), false, v1Layout), denied);
  assert.deepEqual(deviceRules(recordWith(), true, v1Layout), []);
  assert.deepEqual(deviceRules(recordWith(), false, v2Layout), []);
  assert.deepEqual(deviceRules(recordWith(), false, { ...v2Layout, devicePrograms: true }), denied);
  assert.deepEqual(deviceRules(recordWith({ request: requestWith({ privileged: true }) }), false, v1Layout), []);
});

test("the host's devices are nodes with numbers, without terminals of others and without its console", () => {
  const devices = hostDevices(loadAddon());
  const byPath = new Map(devices.map((device) => [device.path, device]));
  assert.deepEqual([byPath.get('/dev/null')?.type, byPath.get('/dev/null')?.major, byPath.get('/dev/null')?.minor], ['c', 1, 3]);
  assert.ok(!byPath.has('/dev/console'));
  assert.ok(devices.every(({ path }) => !path.startsWith('/dev/pts/')));
});
