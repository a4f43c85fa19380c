import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import type { MountWish } from '#wire';
import { parseMountFlag } from './mount-flag.ts';

describe('--mount', () => {
  const understood: readonly [string, MountWish][] = [
    ['target=/a', { type: 'volume', target: '/a' }],
    ['src=v,dst=/a,ro', { type: 'volume', source: 'v', target: '/a', readOnly: true }],
    ['type=bind,source=/x,destination=/a,readonly=0', { type: 'bind', source: '/x', target: '/a' }],
    ['TYPE=BIND,source=./x,target=/a', { type: 'bind', source: '/here/x', target: '/a' }],
    ['type=bind,source=.,target=/a', { type: 'bind', source: '/here', target: '/a' }],
    ['type=bind,"source=/x,y ""z""",target=/a', { type: 'bind', source: '/x,y "z"', target: '/a' }],
    [
      'type=bind,source=/x,target=/a,bind-propagation=rslave,bind-nonrecursive',
      { type: 'bind', source: '/x', target: '/a', propagation: 'rslave', nonRecursive: true },
    ],
    ['type=bind,source=/x,target=/a,bind-recursive=disabled', { type: 'bind', source: '/x', target: '/a', nonRecursive: true }],
    ['type=bind,source=/x,target=/a,bind-recursive=enabled', { type: 'bind', source: '/x', target: '/a' }],
    [
      'type=bind,source=/x,target=/a,ro,bind-recursive=readonly',
      { type: 'bind', source: '/x', target: '/a', readOnly: true, recursiveReadOnly: 'required' },
    ],
    ['type=bind,source=/x,target=/a,uid=5,gid=6', { type: 'bind', source: '/x', target: '/a', uid: 5, gid: 6 }],
    [
      'source=v,target=/a,volume-nocopy,volume-label=a=b,volume-label=c,volume-driver=local,volume-opt=type=nfs,volume-opt=o=addr=1,volume-subpath=s',
      {
        type: 'volume',
        source: 'v',
        target: '/a',
        noCopy: true,
        labels: { a: 'b', c: '' },
        driver: 'local',
        driverOptions: { type: 'nfs', o: 'addr=1' },
        subpath: 's',
      },
    ],
    ['type=tmpfs,target=/a,tmpfs-size=64m,tmpfs-mode=1777', { type: 'tmpfs', target: '/a', sizeBytes: 64 * 2 ** 20, mode: 0o1777 }],
    ['type=image,source=busybox,target=/a,image-subpath=bin', { type: 'image', source: 'busybox', target: '/a', subpath: 'bin' }],
    ['target=/a,consistency=cached', { type: 'volume', target: '/a' }],
  ];
  for (const [text, wish] of understood) test(text, () => assert.deepEqual(parseMountFlag(text, '/here'), wish));

  const refused: readonly [string, RegExp][] = [
    ['', /invalid field '' must be a key=value pair/],
    ['type=volume,target', /invalid field 'target' must be a key=value pair/],
    ['colour=red', /unexpected key 'colour' in 'colour=red'/],
    ['type=,target=/a', /type is required/],
    ['type=volume', /target is required/],
    ['target=/a,readonly=no', /invalid value for readonly: no/],
    ['type=bind,source=/x,target=/a,volume-nocopy', /cannot mix 'volume-\*' options with mount type 'bind'/],
    ['target=/a,tmpfs-size=1m', /cannot mix 'tmpfs-\*' options with mount type 'volume'/],
    ['type=tmpfs,target=/a,bind-propagation=slave', /cannot mix 'bind-\*' options with mount type 'tmpfs'/],
    ['type=tmpfs,target=/a,tmpfs-mode=9', /invalid value for tmpfs-mode: 9/],
    ['type=bind,source=/x,target=/a,bind-recursive=some', /invalid value for bind-recursive: some/],
    ['type=bind,source=/x,target=/a,bind-recursive=readonly', /'bind-recursive=readonly' requires 'readonly'/],
    ['type=bind,source=/x,target=/a,ro,bind-propagation=rslave,bind-recursive=readonly', /requires 'bind-propagation=rprivate'/],
    ['type=bind,source=/x,target=/a,uid=x', /invalid value for uid: x/],
    ['type=cluster,source=x,target=/a', /mount type unknown/],
    ['type=bind,source=x,target=/a', /'x' mount path must be absolute/],
    ['target=/a,"source=v', /parse error/],
    ['target=/a,sou"rce=v', /parse error/],
  ];
  for (const [text, message] of refused) {
    test(`${JSON.stringify(text)} is refused`, () =>
      assert.throws(() => parseMountFlag(text, '/here'), { kind: 'invalid-argument', message }));
  }

  test('any text is understood or refused', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('type', 'target', 'src', '=', ',', '"', '/', 'bind', 'a', 'ro', '__proto__') }),
        (text) => {
          try {
            parseMountFlag(text, '/here');
          } catch (error) {
            assert.ok(isOrlopError(error, 'invalid-argument'), String(error));
          }
        },
      ),
    );
  });
});
