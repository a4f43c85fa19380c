import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { allCapabilities, capabilityBits, capabilityNames, defaultCapabilities } from './capabilities.ts';

test('capabilities have the bits of linux/capability.h', () => {
  assert.equal(capabilityBits(['CAP_CHOWN'], ''), 1n);
  assert.equal(capabilityBits(['CAP_SYS_ADMIN'], ''), 1n << 21n);
  assert.equal(capabilityBits(['CAP_CHECKPOINT_RESTORE'], ''), 1n << 40n);
});

test("Docker's default set is the bit set that Docker's containers show", () => {
  assert.equal(capabilityBits(defaultCapabilities, '').toString(16), 'a80425fb');
});

test('names and bits are inverse', () => {
  fc.assert(
    fc.property(fc.subarray([...allCapabilities]), (names) => {
      assert.deepEqual(capabilityNames(capabilityBits(names, '')), names);
    }),
  );
});

test('a name that is no capability is refused with its JSON path', () => {
  assert.throws(
    () => capabilityBits(['CAP_FLY'], 'process.capabilities.bounding'),
    (error) =>
      isOrlopError(error, 'invalid-argument') &&
      error.message.includes('process.capabilities.bounding') &&
      error.message.includes('CAP_FLY'),
  );
});
