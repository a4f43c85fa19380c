import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { memoryPolicyFlags, memoryPolicyModes, planMemoryPolicy } from './memory-policy.ts';

test('a memory policy is planned with the numbers of the kernel', () => {
  assert.deepEqual(planMemoryPolicy({ mode: 'MPOL_INTERLEAVE', nodes: '2-3', flags: ['MPOL_F_STATIC_NODES'] }), [
    { op: 'set_memory_policy', mode: 3 | 0x8000, nodes: Uint8Array.of(12, 0, 0, 0, 0, 0, 0, 0) },
  ]);
  assert.deepEqual(planMemoryPolicy({ mode: 'MPOL_LOCAL' }), [{ op: 'set_memory_policy', mode: 4, nodes: new Uint8Array() }]);
  assert.deepEqual(planMemoryPolicy(undefined), []);
});

test('what contradicts itself is refused by its path', () => {
  const refused = (policy: Parameters<typeof planMemoryPolicy>[0], pattern: RegExp): void =>
    assert.throws(() => planMemoryPolicy(policy), pattern);
  refused({ mode: 'MPOL_BOUND', nodes: '0' }, /linux\.memoryPolicy\.mode "MPOL_BOUND" is no memory policy/);
  refused({ mode: 'toString', nodes: '0' }, /mode "toString" is no memory policy/);
  refused({ mode: 'MPOL_BIND', nodes: '0', flags: ['MPOL_F_HURRY'] }, /flags\[0\] "MPOL_F_HURRY" is no flag/);
  refused({ mode: 'MPOL_BIND', nodes: '' }, /nodes is needed for MPOL_BIND/);
  refused({ mode: 'MPOL_DEFAULT', nodes: '0' }, /nodes cannot be given with MPOL_DEFAULT/);
  refused({ mode: 'MPOL_LOCAL', flags: ['MPOL_F_STATIC_NODES'] }, /flags cannot speak of nodes with MPOL_LOCAL/);
  refused({ mode: 'MPOL_BIND', nodes: '0', flags: ['MPOL_F_STATIC_NODES', 'MPOL_F_RELATIVE_NODES'] }, /both static and relative/);
  refused({ mode: 'MPOL_BIND', nodes: '1024' }, /nodes "1024" is no list of memory nodes/);
});

test('whatever is given is planned or refused', () => {
  const policy = fc.record({
    mode: fc.constantFrom(...memoryPolicyModes, 'MPOL_NONE'),
    nodes: fc.oneof(fc.string(), fc.stringMatching(/^[0-9,-]{0,9}$/)),
    flags: fc.array(fc.constantFrom(...memoryPolicyFlags), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(policy, (given) => {
      try {
        assert.equal(planMemoryPolicy(given).length, 1);
      } catch (error) {
        assert.ok(isOrlopError(error, 'invalid-argument'), String(error));
      }
    }),
  );
});
