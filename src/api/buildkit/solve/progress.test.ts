import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BuildEvent } from '#wire';
import type { Status } from '../messages/control.ts';
import { createProgress } from './progress.ts';
import { createStatusQueue } from './status-queue.ts';

const start = (more: Partial<Extract<BuildEvent, { type: 'start' }>> = {}): BuildEvent => ({
  type: 'start',
  step: '0.1',
  text: 'RUN x',
  instruction: 'RUN',
  stage: 'last',
  number: 2,
  of: 12,
  line: 2,
  lines: 3,
  atMs: 1500,
  ...more,
});

describe('what is drawn', () => {
  test('a step is a vertex that begins and ends, with its place in the stage', () => {
    const toStatus = createProgress('ref');
    const begun = toStatus(start())?.vertexes?.[0];
    assert.equal(begun?.name, '[last  2/12] RUN x');
    assert.match(begun?.digest ?? '', /^sha256:[0-9a-f]{64}$/);
    assert.deepEqual(begun?.started, { seconds: 1, nanos: 500_000_000 });
    const log = toStatus({ type: 'log', step: '0.1', stream: 'stderr', text: 'hi' })?.logs?.[0];
    assert.deepEqual([log?.vertex, log?.stream, Buffer.from(log?.data ?? []).toString()], [begun?.digest, 2, 'hi']);
    const ended = toStatus({ type: 'end', step: '0.1', atMs: 2000, cached: true, state: '', error: 'no' })?.vertexes?.[0];
    assert.deepEqual([ended?.digest, ended?.cached, ended?.error, ended?.completed?.seconds], [begun?.digest, true, 'no', 2]);
  });

  test('instructions that only configure are not drawn, what is not in the file is internal', () => {
    const toStatus = createProgress('ref');
    assert.equal(toStatus(start({ instruction: 'ENV', number: 0 })), null);
    assert.equal(toStatus({ type: 'end', step: '0.1', atMs: 1, cached: false, state: '' }), null);
    assert.equal(
      toStatus(start({ instruction: '', number: 0, text: 'load build context' }))?.vertexes?.[0]?.name,
      '[internal] load build context',
    );
  });

  test('a step that talks without end is cut short, and only it', () => {
    const toStatus = createProgress('ref');
    const say = (step: string): string => {
      const data = toStatus({ type: 'log', step, stream: 'stdout', text: 'x'.repeat(1_000_000) })?.logs?.[0]?.data;
      return data === undefined ? '' : Buffer.from(data).toString().slice(-41);
    };
    const said = Array.from({ length: 4 }, () => say('0.1'));
    assert.deepEqual([said[2], said[3]], ['[output clipped, log limit 2MiB reached]\n', '']);
    assert.match(say('0.2'), /^x+$/);
  });

  test('two builds have no vertex in common', () => {
    const [one, other] = ['a', 'b'].map((ref) => createProgress(ref)(start())?.vertexes?.[0]?.digest);
    assert.notEqual(one, other);
  });
});

describe('the queue of statuses', () => {
  const logged = (): Status => ({ logs: [{ vertex: 'v' }] });
  const drawn = (): Status => ({ vertexes: [{ name: 'v' }] });
  const never = new AbortController().signal;

  test('gives all that was said before somebody came, and ends', async () => {
    const queue = createStatusQueue();
    queue.push(drawn());
    queue.push(logged());
    queue.end();
    const found = await Array.fromAsync(queue.follow(never));
    assert.deepEqual([found.length, found[0]?.vertexes?.length, found[0]?.logs?.length], [1, 1, 1]);
  });

  test('keeps steps and drops what they say when nobody reads', async () => {
    const queue = createStatusQueue();
    for (let count = 0; count < 30_000; count++) queue.push(logged());
    queue.push(drawn());
    queue.end();
    const found = await Array.fromAsync(queue.follow(never));
    assert.equal(found.flatMap(({ logs = [] }) => logs).length, 20_000);
    assert.equal(found.flatMap(({ vertexes = [] }) => vertexes).length, 1);
  });

  test('lets a reader go who leaves', async () => {
    const queue = createStatusQueue();
    const controller = new AbortController();
    const reading = Array.fromAsync(queue.follow(controller.signal));
    queue.push(drawn());
    controller.abort();
    await reading;
  });
});
