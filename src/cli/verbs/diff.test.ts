import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parsePlaces } from './diff.ts';

describe('what diff compares', () => {
  const cases: readonly (readonly [readonly string[], object])[] = [
    [['box'], { ref: 'box', from: undefined, to: undefined }],
    [['/box'], { ref: '/box', from: undefined, to: undefined }],
    [['box', 'one', 'two'], { ref: 'box', from: 'one', to: 'two' }],
    [['box/one'], { ref: 'box', from: 'one', to: undefined }],
    [['box/one', 'box/two'], { ref: 'box', from: 'one', to: 'two' }],
    [['box/one', 'two'], { ref: 'box', from: 'one', to: 'two' }],
  ];
  for (const [words, places] of cases) test(words.join(' '), () => assert.deepEqual(parsePlaces(words), places));

  test('is no two containers', () => {
    for (const words of [
      ['box/one', 'other/two'],
      ['box/one', 'two', 'three'],
    ])
      assert.throws(() => parsePlaces(words), { code: 'CLI_ONE_CONTAINER' });
  });
});
