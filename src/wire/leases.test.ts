import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bindToLease, leaseLabel } from './leases.ts';

test('a header binds a request, a label may say the same, and neither changes what else is there', () => {
  const request = { image: 'i', labels: { a: 'b' } };
  assert.equal(bindToLease(request, undefined), request);
  assert.deepEqual(bindToLease(request, 'l'), { image: 'i', labels: { a: 'b', [leaseLabel]: 'l' } });
  const labelled = { labels: { [leaseLabel]: 'l' } };
  assert.deepEqual(bindToLease(labelled, 'l'), labelled);
  assert.throws(() => bindToLease(labelled, 'other'), { kind: 'invalid-argument', message: /other/ });
});
