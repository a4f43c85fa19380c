import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { expandSlice, parseScopeName } from './slices.ts';

test('slice:prefix:name names a scope and its cgroup', () => {
  assert.deepEqual(parseScopeName('system.slice:runc:434234', 'id'), {
    slice: 'system.slice',
    unit: 'runc-434234.scope',
    cgroupPath: 'system.slice/runc-434234.scope',
  });
  assert.equal(parseScopeName('', 'web').cgroupPath, 'system.slice/orlop-runtime-web.scope');
  assert.equal(parseScopeName(':cri:web', 'id').slice, 'system.slice');
  assert.equal(parseScopeName('-.slice:a:b', 'id').cgroupPath, 'a-b.scope');
  assert.equal(
    parseScopeName('kubepods-burstable-pod1.slice:cri:x', 'id').cgroupPath,
    'kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-x.scope',
  );
});

test('what is no name is refused by its path', () => {
  for (const path of [
    '/a/b',
    'a',
    'a:b',
    'system.slice:b:c:d',
    'system:b:c',
    '/x.slice:b:c',
    'a--b.slice:b:c',
    '-a.slice:b:c',
    '..slice:b:',
    'a.slice:b:c.slice',
  ])
    assert.throws(() => parseScopeName(path, 'id'), /cgroupsPath/, path);
  assert.throws(() => expandSlice('a/../b.slice'), /no name of a slice/);
});

test('whatever is given never leads out of the hierarchy', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom('.slice', '-', '..', '/', ':', 'a')), { maxLength: 9 }), (parts) => {
      try {
        const { cgroupPath } = parseScopeName(parts.join(''), 'id');
        assert.ok(!cgroupPath.split('/').some((part) => part === '' || part === '..' || part === '.'), cgroupPath);
      } catch (error) {
        assert.ok(isOrlopError(error, 'invalid-argument'), String(error));
      }
    }),
  );
});
