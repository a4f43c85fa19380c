import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { createSeccompCache } from '#runtime';
import { kernelRelease } from '#sys';
import type { ContainerRecord } from '../container/record.ts';
import { recordWith, requestWith, v1Layout } from '../fixtures/records.ts';
import type { CreateRequest } from '../model.ts';
import { boundingSet } from './build-spec.ts';
import { parseOwnProfile, seccompFilter } from './seccomp.ts';

const cache = createSeccompCache();

function filterOf(change: Partial<ContainerRecord>) {
  const record = recordWith(change);
  return seccompFilter(record, boundingSet(record, v1Layout, true), cache);
}

function asked(request: Partial<CreateRequest>) {
  return filterOf({ request: requestWith(request) });
}

describe('the filter', () => {
  test('of an app is the default one, of whole instructions', () => {
    const filter = asked({});
    assert.ok(filter !== null && filter.filter.length > 0 && filter.filter.length % 8 === 0);
    assert.deepEqual(asked({ seccompProfile: 'default' }), filter);
  });

  test('of a machine lets an init mount: it is another', () => assert.notDeepEqual(filterOf({ kind: 'system' }), asked({})));

  test('of an app with more capabilities is another', () => assert.notDeepEqual(asked({ capAdd: ['SYS_ADMIN'] }), asked({})));

  test('is none when unconfined, and for a privileged app', () => {
    assert.equal(asked({ seccompProfile: 'unconfined' }), null);
    assert.equal(asked({ privileged: true }), null);
    assert.equal(filterOf({ kind: 'system', request: requestWith({ seccompProfile: 'unconfined' }) }), null);
  });

  test('that was brought along holds also for a privileged app', () => {
    const seccompProfile = JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_ERRNO' }] });
    const filter = asked({ seccompProfile, privileged: true });
    assert.ok(filter !== null && filter.filter.length > 0);
    assert.notDeepEqual(filter, asked({}));
  });
});

describe('a profile that cannot be used is refused', () => {
  const profiles = ['', 'strict', '{', '[]', 'null', '{"defaultAction":"SCMP_ACT_SHRUG"}', '{"syscalls":7}'];
  for (const profile of profiles) {
    test(JSON.stringify(profile), () => {
      assert.throws(
        () => parseOwnProfile(profile, { capabilities: [], arch: 'x64', kernel: kernelRelease() }),
        (error: unknown) => isOrlopError(error, 'invalid-argument') && error.code === 'ENGINE_SECCOMP_INVALID',
      );
    });
  }
});
