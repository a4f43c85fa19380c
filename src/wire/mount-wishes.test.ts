import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { mountWishOf } from './mount-wishes.ts';
import { parseShortMount, shortOptionsOf } from './short-mounts.ts';
import type { DockerMount, MountWish } from './volumes.ts';

describe('the short form of a mount', () => {
  const understood: readonly [string, Omit<MountWish, 'short'>][] = [
    ['/data', { type: 'volume', target: '/data' }],
    ['/src:/dst', { type: 'bind', source: '/src', target: '/dst', createSource: true }],
    ['/src:/dst:ro', { type: 'bind', source: '/src', target: '/dst', createSource: true, readOnly: true }],
    ['/src:/dst:rw,z', { type: 'bind', source: '/src', target: '/dst', createSource: true }],
    ['/src:/dst:ro,rslave', { type: 'bind', source: '/src', target: '/dst', createSource: true, readOnly: true, propagation: 'rslave' }],
    ['vol:/dst', { type: 'volume', source: 'vol', target: '/dst' }],
    ['vol:/dst:nocopy', { type: 'volume', source: 'vol', target: '/dst', noCopy: true }],
    ['vol:/dst:ro,cached', { type: 'volume', source: 'vol', target: '/dst', readOnly: true }],
    ['/home/me:/home:uid=1000,gid=100', { type: 'bind', source: '/home/me', target: '/home', createSource: true, uid: 1000, gid: 100 }],
  ];
  for (const [text, wish] of understood) test(text, () => assert.deepEqual(parseShortMount(text), { ...wish, short: text }));

  const refused: readonly [string, RegExp][] = [
    ['', /^invalid volume specification: ''$/],
    [':/dst', /^invalid volume specification: ':\/dst'$/],
    ['/src:', /^invalid volume specification/],
    ['/src:ro', /^invalid volume specification: '\/src:ro'$/],
    ['/a:/b:ro:x', /^invalid volume specification/],
    ['/a:/b:rx', /^invalid mode: rx$/],
    ['/a:/b:ro,rw', /^invalid mode: ro,rw$/],
    ['/a:/b:shared,private', /^invalid mode/],
    ['/a:/b:uid=1,uid=2', /^invalid mode/],
    ['/a:/b:uid=4294967295', /^invalid mode/],
    ['/a:/b:uid=-1', /^invalid mode/],
    ['/a:/', /destination can't be '\/'$/],
    ['/a:/b/..', /destination can't be '\/'$/],
    ['/a:b', /invalid mount path: 'b' mount path must be absolute$/],
    ['vol:/b:rshared', /field BindOptions must not be specified$/],
    ['/a:/b:nocopy', /field VolumeOptions must not be specified$/],
    ['b', /mount path must be absolute$/],
  ];
  for (const [text, message] of refused) {
    test(`${JSON.stringify(text)} is refused`, () => assert.throws(() => parseShortMount(text), { kind: 'invalid-argument', message }));
  }

  test('never fails otherwise', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(':', '/', ',', 'ro', 'a', '.', '=', 'uid', '1', '\0') }), (text) => {
        try {
          assert.equal(parseShortMount(text).short, text);
        } catch (error) {
          assert.ok(isOrlopError(error, 'invalid-argument'), String(error));
        }
      }),
    );
  });

  test('shows its options', () => {
    assert.equal(shortOptionsOf('/a:/b:ro,z'), 'ro,z');
    assert.equal(shortOptionsOf('/a:/b'), '');
  });
});

describe('a mount of HostConfig.Mounts', () => {
  const understood: readonly [DockerMount, MountWish][] = [
    [
      { Type: 'bind', Source: '/a', Target: '/b', BindOptions: { Propagation: 'rshared', NonRecursive: true, CreateMountpoint: true } },
      { type: 'bind', source: '/a', target: '/b', propagation: 'rshared', nonRecursive: true, createSource: true },
    ],
    [
      { Type: 'bind', Source: '/a', Target: '/b', ReadOnly: true, BindOptions: { ReadOnlyForceRecursive: true } },
      { type: 'bind', source: '/a', target: '/b', readOnly: true, recursiveReadOnly: 'required' },
    ],
    [
      {
        Type: 'volume',
        Source: 'v',
        Target: '/b',
        VolumeOptions: { NoCopy: true, Labels: { a: 'b' }, DriverConfig: { Name: 'local', Options: { type: 'tmpfs' } }, Subpath: 'x/y' },
      },
      {
        type: 'volume',
        source: 'v',
        target: '/b',
        noCopy: true,
        labels: { a: 'b' },
        driver: 'local',
        driverOptions: { type: 'tmpfs' },
        subpath: 'x/y',
      },
    ],
    [
      { Type: 'volume', Target: '/b', Source: '', Consistency: 'cached' },
      { type: 'volume', target: '/b' },
    ],
    [
      { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 1024, Mode: 0o1777, Options: [['exec']] } },
      { type: 'tmpfs', target: '/t', sizeBytes: 1024, mode: 0o1777, tmpfsOptions: ['exec'] },
    ],
    [
      { Type: 'image', Source: 'busybox', Target: '/i', ImageOptions: { Subpath: 'bin' } },
      { type: 'image', source: 'busybox', target: '/i', subpath: 'bin' },
    ],
    [
      { Type: 'bind', Source: '/a', Target: '/b', Uid: 5, Gid: 6 },
      { type: 'bind', source: '/a', target: '/b', uid: 5, gid: 6 },
    ],
  ];
  for (const [mount, wish] of understood) test(JSON.stringify(mount), () => assert.deepEqual(mountWishOf(mount), wish));

  const bind = { Type: 'bind', Source: '/a', Target: '/b' };
  const refused: readonly [DockerMount, string][] = [
    [{ Type: 'bind', Target: '/b' }, 'type "bind": field Source must not be empty'],
    [{ Type: 'bind', Source: '/a', Target: '' }, 'type "bind": field Target must not be empty'],
    [{ Type: 'bind', Source: 'a', Target: '/b' }, `type "bind": invalid mount path: 'a' mount path must be absolute`],
    [{ ...bind, Target: '/..' }, `type "bind": invalid specification: destination can't be '/'`],
    [{ ...bind, VolumeOptions: {} }, 'type "bind": field VolumeOptions must not be specified'],
    [{ ...bind, TmpfsOptions: {} }, 'type "bind": field TmpfsOptions must not be specified'],
    [{ ...bind, BindOptions: { Propagation: 'up' } }, 'type "bind": invalid propagation mode: up'],
    [
      { ...bind, BindOptions: { ReadOnlyNonRecursive: true } },
      'type "bind": ReadOnlyNonRecursive and ReadOnlyForceRecursive need ReadOnly',
    ],
    [{ Type: 'volume', Target: '/b', ReadOnly: true }, 'type "volume": must not set ReadOnly mode when using anonymous volumes'],
    [{ Type: 'volume', Target: '/b', VolumeOptions: { Subpath: 'x' } }, 'type "volume": must not set Subpath when using anonymous volumes'],
    [
      { Type: 'volume', Source: 'v', Target: '/b', VolumeOptions: { Subpath: 'a/../../x' } },
      'type "volume": subpath must be a relative path within the volume',
    ],
    [
      { Type: 'volume', Source: 'v', Target: '/b', VolumeOptions: { Subpath: '/x' } },
      'type "volume": subpath must be a relative path within the volume',
    ],
    [{ Type: 'tmpfs', Source: 'x', Target: '/t' }, 'type "tmpfs": field Source must not be specified'],
    [{ Type: 'tmpfs', Target: '/t', TmpfsOptions: { Options: [['uid', '5']] } }, 'type "tmpfs": invalid option: uid'],
    [{ Type: 'tmpfs', Target: '/t', Uid: 1 }, 'type "tmpfs": uid and gid are for binds and volumes'],
    [{ Type: 'image', Target: '/i' }, 'type "image": field Source must not be empty'],
    [{ Type: 'npipe', Source: 'x', Target: '/i' }, 'type "npipe": mount type unknown'],
  ];
  for (const [mount, message] of refused) {
    test(`${JSON.stringify(mount)} is refused`, () =>
      assert.throws(() => mountWishOf(mount), { kind: 'invalid-argument', message: `invalid mount config for ${message}` }));
  }
});
