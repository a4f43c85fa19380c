import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestWord } from './nearest.ts';

test('the nearest word is one that differs by a letter or two, and none when all are far', () => {
  const known = ['ps', 'pull', 'push', 'images', 'inspect', 'start', 'stats'];
  const cases = { psuh: 'push', imgaes: 'images', inspct: 'inspect', pss: 'ps', statt: 'start', xyz: undefined, p: 'ps', '': undefined };
  for (const [word, meant] of Object.entries(cases)) assert.equal(nearestWord(word, known), meant, word);
});
