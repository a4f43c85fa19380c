import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createJsonReader } from '#api/http';
import { parseShortMount, type MountWish } from '#wire';
import { decodeLaunch } from './decode-launch.ts';

const decode = (...mounts: unknown[]): readonly MountWish[] | undefined =>
  decodeLaunch(createJsonReader({ source: 'x', mounts }, 'body')).request.mounts;

describe('mounts of a launch', () => {
  test('come as they are asked for', () => {
    const wishes: MountWish[] = [
      parseShortMount('/a:/b:ro,uid=1000'),
      {
        type: 'volume',
        source: 'v',
        target: '/c',
        noCopy: true,
        labels: { a: 'b' },
        driver: 'local',
        driverOptions: { type: 'tmpfs' },
        subpath: 's',
      },
      {
        type: 'bind',
        source: '/x',
        target: '/d',
        readOnly: true,
        recursiveReadOnly: 'required',
        propagation: 'rprivate',
        nonRecursive: true,
        gid: 0,
      },
      { type: 'tmpfs', target: '/t', sizeBytes: 1, mode: 0o700, tmpfsOptions: ['exec'] },
      { type: 'image', source: 'busybox', target: '/i' },
    ];
    assert.deepEqual(decode(...wishes), wishes);
  });

  for (const [mount, message] of [
    [{ type: 'bind', target: '/a' }, /field Source must not be empty/],
    [{ type: 'bind', source: '/a', target: '/a', propagation: 'up' }, /invalid propagation mode: up/],
    [{ type: 'volume', source: 'v', target: '/' }, /destination can't be '\/'/],
    [{ type: 'cloud', target: '/a' }, /mount type unknown/],
    [{ type: 'volume', target: '/a', colour: 'red' }, /unknown field "colour" of a mount/],
    [{ type: 'volume', target: '/a', recursiveReadOnly: 'maybe' }, /must be one of if-possible, no, required/],
    [{ type: 'volume', target: '/a', constructor: 1 }, /unknown field "constructor"/],
  ] as const) {
    test(`${JSON.stringify(mount)} is refused`, () => assert.throws(() => decode(mount), { kind: 'invalid-argument', message }));
  }
});
