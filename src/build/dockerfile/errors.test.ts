import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatExcerpt } from './errors.ts';

describe('an excerpt', () => {
  const text = Array.from({ length: 100 }, (_none, index) => `line ${index + 1}`).join('\r\n');
  const rows = (...places: { first: number; last: number }[]): string[] => formatExcerpt(text, places).split('\n').slice(0, -1);

  test('marks lines, with two before and two after', () => {
    assert.deepEqual(rows({ first: 4, last: 5 }), [
      '   2 |     line 2',
      '   3 |     line 3',
      '   4 | >>> line 4',
      '   5 | >>> line 5',
      '   6 |     line 6',
      '   7 |     line 7',
    ]);
  });

  test('ends where the text does', () => {
    assert.deepEqual(rows({ first: 1, last: 1 }), ['   1 | >>> line 1', '   2 |     line 2', '   3 |     line 3']);
    assert.deepEqual(rows({ first: 100, last: 200 }), ['  98 |     line 98', '  99 |     line 99', ' 100 | >>> line 100']);
    assert.equal(formatExcerpt('', [{ first: 9, last: 9 }]), '');
    assert.equal(formatExcerpt('a\n', [{ first: 1, last: 1 }]), '   1 | >>> a\n   2 |\n');
  });

  test('marks several places', () => {
    assert.deepEqual(
      rows({ first: 3, last: 3 }, { first: 5, last: 5 }).filter((row) => row.includes('>>>')),
      ['   3 | >>> line 3', '   5 | >>> line 5'],
    );
  });

  test('stays short', () => {
    const long = rows({ first: 10, last: 90 });
    assert.equal(long.length, 21);
    assert.equal(long.at(-1), '     |     …');
    assert.ok(formatExcerpt('x'.repeat(10_000), [{ first: 1, last: 1 }]).length < 400);
  });
});
