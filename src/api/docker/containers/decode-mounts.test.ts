import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createJsonReader } from '#api/http';
import { isOrlopError } from '#errors';
import type { ContainerView, CreateRequest } from '#wire';
import { decodeMounts } from './decode-mounts.ts';
import { mountConfigOf } from './mount-view.ts';

function decode(
  host: unknown,
  config: unknown = {},
  apiVersion = '1.51',
): Pick<CreateRequest, 'mounts' | 'volumesFrom' | 'volumes' | 'volumeDriver'> {
  return decodeMounts(createJsonReader(config, 'body'), createJsonReader(host, 'HostConfig'), apiVersion);
}

describe('volumes and mounts of a create request', () => {
  test('empty fields ask for nothing', () => {
    assert.deepEqual(decode({ Binds: null, Mounts: [], VolumesFrom: null, VolumeDriver: '' }, { Volumes: {} }), {});
  });

  test('both forms come together, in their order', () => {
    const { mounts } = decode({
      Binds: ['/a:/b:ro', 'v:/c'],
      Mounts: [{ Type: 'tmpfs', Target: '/d', TmpfsOptions: { SizeBytes: 1024, Mode: 448 } }],
    });
    assert.deepEqual(mounts, [
      { type: 'bind', source: '/a', target: '/b', readOnly: true, createSource: true, short: '/a:/b:ro' },
      { type: 'volume', source: 'v', target: '/c', short: 'v:/c' },
      { type: 'tmpfs', target: '/d', sizeBytes: 1024, mode: 448 },
    ]);
  });

  test('what docker’s command line sends for --mount is understood', () => {
    const mount = { Type: 'volume', Source: 'v', Target: '/a', VolumeOptions: { Labels: {}, DriverConfig: {} } };
    assert.deepEqual(decode({ Mounts: [mount] }).mounts, [{ type: 'volume', source: 'v', target: '/a' }]);
  });

  test('the volume driver is that of the volumes that name none', () => {
    const { mounts, volumeDriver } = decode({ Binds: ['v:/c', '/a:/b'], VolumeDriver: 'local' });
    assert.deepEqual([mounts?.map(({ driver }) => driver), volumeDriver], [['local', undefined], 'local']);
  });

  test('clients of before v1.44 keep mounts below a read-only bind writable', () => {
    const read = (version: string): unknown => decode({ Binds: ['/a:/b:ro'] }, {}, version).mounts?.[0]?.recursiveReadOnly;
    assert.deepEqual([read('1.43'), read('1.44'), read('1.51')], ['no', undefined, undefined]);
  });

  test('other containers and anonymous volumes', () => {
    assert.deepEqual(decode({ VolumesFrom: ['web:ro'] }, { Volumes: { '/data': {} } }), { volumesFrom: ['web:ro'], volumes: ['/data'] });
  });

  for (const [host, message] of [
    [{ Binds: ['/a'], Mounts: [{ Type: 'bind' }] }, /field Target must not be empty/],
    [{ Binds: ['/a:b'] }, /mount path must be absolute/],
    [{ Mounts: [{ Type: 'tmpfs', Target: '/a', TmpfsOptions: { Options: ['x'] } }] }, /invalid option array length/],
    [{ Mounts: [{ Type: 'tmpfs', Target: '/a', TmpfsOptions: { Options: [[1]] } }] }, /invalid option array length/],
    [{ Mounts: [{ Type: 'bind', Source: '/a', Target: '/a', ReadOnly: 'yes' }] }, /Mounts\[0\]\.ReadOnly must be true or false/],
    [{ Mounts: [{ Type: 'bind', Source: '/a', Target: '/a', Uid: -1 }] }, /uid/i],
  ] as const) {
    test(`${JSON.stringify(host)} is refused`, () => assert.throws(() => decode(host), { kind: 'invalid-argument', message }));
  }

  test('whatever comes is decoded or refused', () => {
    const keys = fc.constantFrom(
      'Type',
      'Source',
      'Target',
      'ReadOnly',
      'BindOptions',
      'VolumeOptions',
      'TmpfsOptions',
      'Options',
      'Labels',
    );
    const values = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom('bind', 'volume', 'tmpfs', 'image', '/a', '', null, true, 1),
        fc.array(tie('value')),
        tie('object'),
      ),
      object: fc.dictionary(keys, tie('value')),
    }));
    fc.assert(
      fc.property(fc.array(values.object), (mounts) => {
        try {
          decode({ Mounts: mounts });
        } catch (error) {
          assert.ok(isOrlopError(error, 'invalid-argument'), String(error));
        }
      }),
    );
  });
});

test('inspect shows mounts in the form in which they were asked for', () => {
  const host = {
    Binds: ['/a:/b:ro', 'v:/c'],
    VolumesFrom: ['web:ro'],
    VolumeDriver: '',
    Mounts: [
      { Type: 'bind', Source: '/x', Target: '/y', ReadOnly: true, BindOptions: { Propagation: 'rslave', ReadOnlyNonRecursive: true } },
      { Type: 'volume', Target: '/z', VolumeOptions: { NoCopy: true, Labels: { a: 'b' } } },
      { Type: 'image', Source: 'busybox', Target: '/i', ImageOptions: { Subpath: 'bin' } },
      { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 4096, Options: [['exec']] } },
    ],
  };
  assert.deepEqual(mountConfigOf(decode(host) as ContainerView['request']), host);
});
