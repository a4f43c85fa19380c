import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { parseMountinfo, readMountinfo } from './mountinfo.ts';

test('all fields are read and escapes undone', () => {
  const text = '36 35 98:0 /mnt\\0401 /mnt\\134x\\0112 rw,noatime shared:1 master:2 - ext3 /dev/ro\\040ot rw,errors=continue\n';
  assert.deepEqual(parseMountinfo(text), [
    {
      id: 36,
      parentId: 35,
      major: 98,
      minor: 0,
      root: '/mnt 1',
      mountPoint: '/mnt\\x\n2'.replace('\n', '\t'),
      options: ['rw', 'noatime'],
      propagation: ['shared:1', 'master:2'],
      fstype: 'ext3',
      source: '/dev/ro ot',
      superOptions: ['rw', 'errors=continue'],
    },
  ]);
});

test('a mount without propagation and with a hyphen as its point', () => {
  const [mount] = parseMountinfo('1 0 0:1 - - rw - tmpfs - rw\n');
  assert.deepEqual(mount?.propagation, []);
  assert.equal(mount?.mountPoint, '-');
  assert.equal(mount?.source, '-');
});

test('a line that makes no sense is refused', () => {
  for (const line of ['x', '1 2 3 4 5 6', '1 2 a:b / / rw - t s o', '1 0 0:1 / / rw shared:1']) {
    assert.throws(
      () => parseMountinfo(line),
      (error) => isOrlopError(error, 'internal'),
      line,
    );
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parseMountinfo(text);
      } catch (error) {
        assert.ok(isOrlopError(error, 'internal'));
      }
    }),
  );
});

test("this process's table has a root", () => {
  assert.ok(readMountinfo().some((mount) => mount.mountPoint === '/'));
});
