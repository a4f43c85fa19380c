import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import { planCaches } from './caches.ts';

test('registries and images are caches, with what is so anyway', () => {
  const plan = planCaches({
    imports: [
      { type: 'registry', attributes: { ref: 'a:1' } },
      { type: 'local', attributes: { src: 'd' } },
    ],
    exports: [
      { type: 'registry', attributes: { ref: 'a:1', mode: 'max', 'ignore-error': 'true', 'oci-mediatypes': 'true' } },
      { type: 'inline', attributes: {} },
    ],
  });
  assert.deepEqual(plan, {
    from: [{ kind: 'registry', reference: 'a:1' }],
    unused: ['--cache-from type=local'],
    to: [
      { kind: 'registry', reference: 'a:1', mode: 'max', ignoreErrors: true },
      { kind: 'inline', mode: 'min' },
    ],
  });
});

test('other places for caches are refused by name', () => {
  for (const [type, attributes, words] of [
    ['local', { dest: 'd' }, 'type=local'],
    ['s3', {}, 'type=s3'],
    ['registry', {}, 'type=registry'],
    ['registry', { ref: 'a', mode: 'most' }, 'mode=most'],
    ['registry', { ref: 'a', compression: 'gzip' }, 'compression=gzip'],
    ['inline', { mode: 'max' }, 'mode=max'],
  ] as const) {
    assert.throws(
      () => planCaches({ imports: [], exports: [{ type, attributes }] }),
      (error) => isOrlopError(error, 'unimplemented') && error.message.includes(words),
      words,
    );
  }
});
