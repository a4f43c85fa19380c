import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Frame } from '#wire';
import { readLogLines, type LogLine } from './log-lines.ts';

async function linesOf(frames: readonly [stream: 'stdout' | 'stderr', text: string | Uint8Array][], stamped = false): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  async function* source(): AsyncGenerator<Frame> {
    for (const [stream, text] of frames) yield { stream, data: typeof text === 'string' ? Buffer.from(text) : text };
  }
  for await (const line of readLogLines(source(), stamped)) lines.push(line);
  return lines;
}

test('lines are whole however they come, each stream by itself', async () => {
  const out = await linesOf([
    ['stdout', 'on'],
    ['stderr', 'bad\r\nwor'],
    ['stdout', 'e\n\ntwo\nlast'],
    ['stderr', 'se\n'],
  ]);
  assert.deepEqual(out, [
    { stream: 'stderr', text: 'bad' },
    { stream: 'stdout', text: 'one' },
    { stream: 'stdout', text: '' },
    { stream: 'stdout', text: 'two' },
    { stream: 'stderr', text: 'worse' },
    { stream: 'stdout', text: 'last' },
  ]);
});

test('a character that is cut in two is one again; bytes that are none do not stop anything', async () => {
  const bytes = Buffer.from('ä€😀\n');
  const cut = [...bytes].map((byte): ['stdout', Uint8Array] => ['stdout', Uint8Array.of(byte)]);
  assert.deepEqual(await linesOf(cut), [{ stream: 'stdout', text: 'ä€😀' }]);
  assert.deepEqual(await linesOf([['stdout', Uint8Array.of(0xff, 0x61, 0x0a)]]), [{ stream: 'stdout', text: '\ufffda' }]);
});

test('times are taken off where they were asked for, also in the middle of what was written in pieces', async () => {
  const at = '2026-11-21T10:00:00.123456789Z';
  const time = new Date('2026-11-21T10:00:00.123Z');
  assert.deepEqual(
    await linesOf(
      [
        ['stdout', `${at} first\n`],
        ['stdout', `${at} long`],
        ['stdout', '2026-11-21T10:00:05Z er\n'],
      ],
      true,
    ),
    [
      { stream: 'stdout', text: 'first', time },
      { stream: 'stdout', text: 'longer', time },
    ],
  );
  assert.deepEqual(await linesOf([['stdout', `${at} text\n`]]), [{ stream: 'stdout', text: `${at} text` }]);
});

test('a line without an end comes in pieces', async () => {
  const lines = await linesOf(Array.from({ length: 5 }, () => ['stdout', 'x'.repeat(600_000)]));
  assert.deepEqual(
    lines.map(({ text }) => text.length),
    [1_200_000, 1_200_000, 600_000],
  );
});
