import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createJsonReader } from '#api/http';
import { decodeDevices } from './decode-devices.ts';
import { decodeIsolation } from './decode-isolation.ts';
import { parseSecurityOptions } from './security-options.ts';

const isolation = (host: object) => decodeIsolation(createJsonReader({}, 'body'), createJsonReader(host, 'HostConfig'), '1.51');
const oldIsolation = (host: object) => decodeIsolation(createJsonReader({}, 'body'), createJsonReader(host, 'HostConfig'), '1.39');
const devices = (host: object) => decodeDevices(createJsonReader(host, 'HostConfig'));

describe('isolation', () => {
  test('of which nothing is said is the usual', () => {
    const empty = {
      PidMode: '',
      IpcMode: '',
      UTSMode: '',
      CgroupnsMode: '',
      UsernsMode: '',
      CgroupParent: '',
      Annotations: {},
      Runtime: '',
    };
    assert.deepEqual(isolation({ ...empty, MaskedPaths: null }), {});
    assert.deepEqual(isolation({ Runtime: 'orlop' }), {});
    assert.deepEqual(isolation({ Isolation: 'Default' }), { isolation: 'Default' });
  });

  test('shares its memory with whoever asks when a client from before 1.40 does not say', () => {
    assert.deepEqual(oldIsolation({}), { ipcNamespace: 'shareable' });
    assert.deepEqual(oldIsolation({ IpcMode: 'private' }), { ipcNamespace: 'private' });
  });

  test('takes the name of the runtime beside the host’s part as well', () => {
    const beside = createJsonReader({ Runtime: 'runc' }, 'body');
    assert.deepEqual(decodeIsolation(beside, createJsonReader({}, 'HostConfig'), '1.51'), { runtimeName: 'runc' });
  });

  test('is taken as it comes', () => {
    const asked = { PidMode: 'container:a', IpcMode: 'shareable', UTSMode: 'host', CgroupnsMode: 'host', UsernsMode: 'host' };
    assert.deepEqual(isolation({ ...asked, CgroupParent: '/x', Annotations: { a: '' }, MaskedPaths: [], ReadonlyPaths: ['/proc/sys'] }), {
      pidNamespace: 'container:a',
      ipcNamespace: 'shareable',
      utsNamespace: 'host',
      cgroupNamespace: 'host',
      userNamespace: 'host',
      cgroupParent: '/x',
      annotations: { a: '' },
      maskedPaths: [],
      readonlyPaths: ['/proc/sys'],
    });
  });

  const wrong: readonly (readonly [host: object, message: string])[] = [
    [{ PidMode: 'container:' }, 'invalid PID mode: container:'],
    [{ PidMode: 'none' }, 'invalid PID mode: none'],
    [{ IpcMode: 'shared' }, 'invalid IPC mode: shared'],
    [{ UTSMode: 'container:x' }, 'invalid UTS mode: container:x'],
    [{ CgroupnsMode: 'public' }, 'invalid cgroup namespace mode: public'],
    [{ UsernsMode: 'keep-id' }, 'invalid user namespace mode: keep-id'],
    [{ Runtime: 'crun' }, 'unknown or invalid runtime name: crun'],
    [{ Runtime: 'kata' }, 'unknown or invalid runtime name: kata'],
    [{ Isolation: 'hyperv' }, `invalid isolation: "hyperv" - linux only supports 'default'`],
    [{ Annotations: { '': 'x' } }, 'invalid Annotations: the empty string is not permitted as an annotation key'],
  ];
  for (const [host, message] of wrong)
    test(`refused: ${message}`, () => assert.throws(() => isolation(host), { kind: 'invalid-argument', message }));
});

describe('devices', () => {
  test('are taken with their defaults', () => {
    assert.deepEqual(devices({ Devices: [{ PathOnHost: '/dev/fuse' }] }), {
      devices: [{ source: '/dev/fuse', target: '/dev/fuse', permissions: 'rwm' }],
    });
    assert.deepEqual(devices({ Devices: null, DeviceCgroupRules: [], DeviceRequests: null }), {});
  });

  test('by request', () => {
    assert.deepEqual(devices({ DeviceRequests: [{ Driver: 'cdi', DeviceIDs: ['v.com/c=n'] }], DeviceCgroupRules: ['c 42:* rwm'] }), {
      deviceRules: ['c 42:* rwm'],
      deviceRequests: [{ driver: 'cdi', count: 0, ids: ['v.com/c=n'], capabilities: [] }],
    });
  });

  const wrong: readonly (readonly [host: object, message: string | RegExp])[] = [
    [{ Devices: [{ PathOnHost: '/dev/x', CgroupPermissions: 'rx' }] }, 'invalid device mode: rx'],
    [{ Devices: [{ PathOnHost: '/dev/x', CgroupPermissions: 'rr' }] }, 'invalid device mode: rr'],
    [{ Devices: [{ PathOnHost: '/dev/x', PathInContainer: 'x' }] }, 'x is not an absolute path'],
    [{ Devices: [{ PathInContainer: '/dev/x' }] }, /names no path/],
    [{ DeviceCgroupRules: ['c 1:* rwmx'] }, "invalid device cgroup rule format: 'c 1:* rwmx'"],
    [{ DeviceCgroupRules: ['c 1:-1 r'] }, "invalid device cgroup rule format: 'c 1:-1 r'"],
    [{ DeviceRequests: [{ Count: 1, DeviceIDs: ['0'] }] }, 'cannot set both Count and DeviceIDs on device request'],
    [{ DeviceRequests: [{ Capabilities: ['gpu'] }] }, /lists of texts/],
  ];
  for (const [host, message] of wrong)
    test(`refused: ${String(message)}`, () => assert.throws(() => devices(host), { kind: 'invalid-argument', message }));
});

describe('security options', () => {
  test('are those of Docker', () => {
    assert.deepEqual(parseSecurityOptions(['apparmor=mine', 'no-new-privileges=1']), { appArmorProfile: 'mine', noNewPrivileges: true });
    assert.deepEqual(parseSecurityOptions(['apparmor:unconfined', 'disable', 'label:disable']), {});
  });

  test('that make no sense are refused in its words', () => {
    assert.throws(() => parseSecurityOptions(['nonsense']), { message: 'invalid --security-opt 1: "nonsense"' });
    assert.throws(() => parseSecurityOptions(['writable-cgroups=true']), { message: 'invalid --security-opt 2: "writable-cgroups=true"' });
    assert.throws(() => parseSecurityOptions(['systempaths=unconfined']), { message: /^invalid --security-opt 2/ });
  });
});

test('the runtime has a name that clients of Docker know', () => {
  assert.deepEqual(isolation({ Runtime: 'runc' }), { runtimeName: 'runc' });
  assert.deepEqual(isolation({ Runtime: '' }), {});
});
