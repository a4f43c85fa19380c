import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { isCdiDeviceName, parseCdiSpec } from './cdi.ts';

const spec = (change: object = {}, edits: object = {}): unknown => ({
  cdiVersion: '0.8.0',
  kind: 'vendor.com/net',
  devices: [{ name: 'eth-0', annotations: { a: 'b' }, containerEdits: edits }],
  ...change,
});

describe('a specification of devices', () => {
  test('is read with its edits', () => {
    const edits = {
      env: ['A=b'],
      deviceNodes: [{ path: '/dev/a', hostPath: '/dev/b', permissions: 'rw' }],
      mounts: [{ hostPath: '/lib/x', containerPath: '/usr/lib/x', options: ['ro'] }],
      additionalGids: [7],
    };
    const { kind, devices } = parseCdiSpec(spec({ containerEdits: { env: ['C='] } }, edits), 'x.json');
    assert.equal(kind, 'vendor.com/net');
    assert.deepEqual(devices, [{ name: 'eth-0', edits: { ...edits, unsupported: [] } }]);
  });

  test('remembers what cannot be done, and forgets what asks for nothing', () => {
    const edits = { hooks: [{ hookName: 'createContainer', path: '/bin/x' }], intelRdt: null, netDevices: [], later: 1 };
    assert.deepEqual(parseCdiSpec(spec({}, edits), 'x').devices[0]?.edits.unsupported, ['hooks', 'later']);
  });

  const wrong: readonly (readonly [what: string, value: unknown, message: RegExp])[] = [
    ['no object', 7, /expected an object/],
    ['an unknown version', spec({ cdiVersion: '9.0.0' }), /x\.json: cdiVersion "9\.0\.0" is not known/],
    ['no kind', spec({ kind: 'vendor.com' }), /x\.json\.kind/],
    ['a name that leads elsewhere', spec({ devices: [{ name: '../x' }] }), /devices\[0\]\.name/],
    ['a name twice', spec({ devices: [{ name: 'a' }, { name: 'a' }] }), /each name once/],
    [
      'a mount that leads out',
      spec({}, { mounts: [{ hostPath: '/x', containerPath: '/../etc' }] }),
      /containerPath: expected an absolute path without/,
    ],
    ['a source that leads out', spec({}, { mounts: [{ hostPath: '/x/../../etc', containerPath: '/x' }] }), /hostPath/],
    ['a relative device', spec({}, { deviceNodes: [{ path: 'dev/x' }] }), /deviceNodes\[0\]\.path/],
    ['unknown permissions', spec({}, { deviceNodes: [{ path: '/dev/x', permissions: 'rx' }] }), /permissions/],
    ['no variable', spec({}, { env: ['A'] }), /env\[0\]: expected NAME=value/],
    ['a NUL', spec({}, { env: ['A=\0'] }), /env\[0\]/],
  ];
  for (const [what, value, message] of wrong)
    test(`with ${what} is refused`, () => assert.throws(() => parseCdiSpec(value, 'x.json'), { kind: 'invalid-argument', message }));

  test('of any JSON is read or refused', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (edits, devices) => {
        for (const value of [spec({ containerEdits: edits }), spec({ devices }), devices])
          try {
            parseCdiSpec(value, 'x');
          } catch (error) {
            assert.ok(isOrlopError(error, 'invalid-argument'), String(error));
          }
      }),
    );
  });
});

test('names of devices have a vendor, a class and a name', () => {
  for (const name of ['vendor.com/gpu=0', 'nvidia.com/gpu=GPU-1:2', 'a/b=all']) assert.ok(isCdiDeviceName(name), name);
  for (const name of ['/dev/fuse', 'vendor.com/gpu', 'a/b=', '=x', 'a/b/c=d', 'a/b=/x', '1/b=c']) assert.ok(!isCdiDeviceName(name), name);
});
