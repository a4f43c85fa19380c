import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as k from './constants.ts';
import { listMountOptions, parseMountOptions } from './mount-options.ts';

const nothing = {
  bind: 'no',
  own: { set: 0, clear: 0 },
  tree: { set: 0, clear: 0 },
  propagation: [],
  idmap: 'no',
  copyUp: false,
  remount: false,
  data: [],
};

test('options are sorted by what performs them', () => {
  const cases: [string[], object][] = [
    [[], {}],
    [['ro', 'nosuid'], { own: { set: k.MOUNT_ATTR_RDONLY | k.MOUNT_ATTR_NOSUID, clear: 0 } }],
    [['ro', 'rw'], { own: { set: 0, clear: k.MOUNT_ATTR_RDONLY } }],
    [['rw', 'ro'], { own: { set: k.MOUNT_ATTR_RDONLY, clear: 0 } }],
    [['noatime'], { own: { set: k.MOUNT_ATTR_NOATIME, clear: k.MOUNT_ATTR__ATIME } }],
    [['noatime', 'strictatime'], { own: { set: k.MOUNT_ATTR_STRICTATIME, clear: k.MOUNT_ATTR__ATIME } }],
    [['rro', 'rnosuid'], { tree: { set: k.MOUNT_ATTR_RDONLY | k.MOUNT_ATTR_NOSUID, clear: 0 } }],
    [['rbind', 'rslave'], { bind: 'tree', propagation: [{ flag: k.MS_SLAVE, recursive: true }] }],
    [['bind', 'private'], { bind: 'one', propagation: [{ flag: k.MS_PRIVATE, recursive: false }] }],
    [['size=64k', 'mode=755', 'defaults'], { data: ['size=64k', 'mode=755'] }],
    [['ridmap'], { idmap: 'tree' }],
    [['tmpcopyup'], { copyUp: true }],
    [['relatime'], { own: { set: 0, clear: k.MOUNT_ATTR__ATIME } }],
  ];
  for (const [options, expected] of cases) assert.deepEqual(parseMountOptions(options), { ...nothing, ...expected }, options.join());
});

test('no option sets and clears the same attribute, except the access time as a whole', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...listMountOptions())), (options) => {
      const { own, tree } = parseMountOptions(options);
      for (const { set, clear } of [own, tree]) assert.equal(set & clear & ~k.MOUNT_ATTR__ATIME, 0);
    }),
  );
});

test('what the table does not know goes to the file system, in order', () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^z[a-z]*=[a-z0-9]*$/)), (options) => {
      assert.deepEqual(parseMountOptions(options).data, options);
    }),
  );
});
