import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createLiveRegion } from './live-region.ts';

const erase = (lines: number): string => `\r\u001B[${lines}A\u001B[J`;

describe('the last lines of a terminal, which several share', () => {
  const openRegion = (rows: number): { texts: string[]; region: ReturnType<typeof createLiveRegion> } => {
    const texts: string[] = [];
    return { texts, region: createLiveRegion({ rows, write: (text) => void texts.push(text) }) };
  };

  test('stand below each other, and what is left of one that is done stands above', () => {
    const { texts, region } = openRegion(24);
    const [one, other] = [region.open(), region.open()];
    one.show(['one']);
    other.show(['other', 'more']);
    one.close(['one is done']);
    one.close([]);
    region.print('a note\n');
    other.close([]);
    assert.deepEqual(texts, [
      'one\n',
      `${erase(1)}one\nother\nmore\n`,
      `${erase(3)}one is done\nother\nmore\n`,
      `${erase(2)}a note\nother\nmore\n`,
      erase(2),
    ]);
  });

  test('have room for the beginning and the end of each', () => {
    const { texts, region } = openRegion(6);
    const [one, other] = [region.open(), region.open()];
    one.show(['1', '2', '3', '4']);
    other.show(['a', 'b', 'c']);
    assert.equal(texts.at(-1), `${erase(4)}1\n4\na\nc\n`);
  });

  test('are nothing for one that never showed anything', () => {
    const { texts, region } = openRegion(24);
    region.open().close([]);
    assert.deepEqual(texts, []);
  });
});
