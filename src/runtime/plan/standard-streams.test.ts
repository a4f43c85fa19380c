import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogTarget } from '../sandbox/types.ts';
import { createSlots } from './slots.ts';
import { planStreams } from './standard-streams.ts';

/** The ops of a log, and the descriptors that they name. */
function planned(log: LogTarget | null) {
  const slots = createSlots();
  const facts = { stdio: { mode: 'null' }, hostUid: 0, hostGid: 0, monitorDirectory: null, memoryEvents: null, clients: [] } as const;
  const ops = planStreams({ ...facts, log, slots }).filter(({ op }) => op.endsWith('_log'));
  return { ops, descriptors: slots.descriptors };
}

test('a log that only grows is a file', () => {
  assert.deepEqual(planned(null).ops, []);
  assert.deepEqual(planned({ file: 7 }), { ops: [{ op: 'keep_log', file: 0 }], descriptors: [7] });
  assert.deepEqual(planned({ file: 7, format: 'json-file', attributes: '' }).ops.length, 1);
});

test('a log of another format, with attributes, in a row of files says so behind the file', () => {
  const row = { directory: 9, name: 'log', number: 4, sizeBytes: 100, ageNs: 5n, bornNs: 6n, files: 3 };
  assert.deepEqual(planned({ file: 7, format: 'plain', row }), {
    ops: [
      { op: 'keep_log', file: 0 },
      { op: 'format_log', format: 1, attributes: Buffer.alloc(0) },
      { op: 'rotate_log', directory: 1, name: 'log', number: 4, size: 100, age: 5n, born: 6n, files: 3 },
    ],
    descriptors: [7, 9],
  });
  assert.deepEqual(planned({ file: 7, row, bufferBytes: 1000 }).ops.at(-1), { op: 'buffer_log', bytes: 1000 });
  assert.deepEqual(planned({ file: 7, attributes: ',"attrs":{}' }).ops[1], {
    op: 'format_log',
    format: 0,
    attributes: Buffer.from(',"attrs":{}'),
  });
});
