import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Output } from '../output.ts';
import { prefixedOutput, prefixesOf } from './prefixed.ts';

function memory(): { out: Output; said: () => string } {
  let text = '';
  const out = { write: (data: string | Uint8Array) => (text += Buffer.from(data as Uint8Array).toString()) !== '' } as unknown as Output;
  return { out, said: () => text };
}

test('lines come whole, however they were cut, and the last one though it has no end', async () => {
  const { out, said } = memory();
  const box = prefixedOutput(out, 'box | ');
  for (const piece of ['on', 'e\ntwo\n\nth', 'ree']) await box.push(Buffer.from(piece));
  assert.equal(said(), 'box | one\nbox | two\nbox | \n');
  await box.end();
  await box.end();
  assert.equal(said(), 'box | one\nbox | two\nbox | \nbox | three\n');
});

test('a line without end is held in pieces, not in memory', async () => {
  const { out, said } = memory();
  const box = prefixedOutput(out, '> ');
  await box.push(Buffer.alloc(200 * 1024, 120));
  assert.equal(said().split('\n').length, 4);
  await box.end();
  assert.equal(said().replaceAll(/[> \n]/g, '').length, 200 * 1024);
});

test('prefixes are as wide as the longest name', () => {
  assert.deepEqual([...prefixesOf(['web', 'b']).values()], ['web | ', 'b   | ']);
});
