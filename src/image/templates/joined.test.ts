import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createShared } from './joined.ts';

interface Run {
  readonly key: string;
  readonly emit: (event: number) => void;
  readonly signal: AbortSignal;
  readonly finish: (result: string) => void;
  readonly fail: (error: Error) => void;
}

/** Work that ends when the test says so. */
function createWorkshop(): { readonly runs: Run[]; readonly shared: ReturnType<typeof createShared<string, number, string>> } {
  const runs: Run[] = [];
  const shared = createShared<string, number, string>((key, emit, signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    runs.push({ key, emit, signal, finish: resolve, fail: reject });
    return promise;
  });
  return { runs, shared };
}

describe('shared work', () => {
  it('is done once for all who ask while it runs, and again for those who come later', async () => {
    const { runs, shared } = createWorkshop();
    const both = [shared.run('a', {}), shared.run('a', {})];
    const other = shared.run('b', {});
    assert.deepEqual(
      runs.map(({ key }) => key),
      ['a', 'b'],
    );
    runs[0]?.finish('one');
    runs[1]?.finish('two');
    assert.deepEqual(await Promise.all([...both, other]), ['one', 'one', 'two']);
    const later = shared.run('a', {});
    assert.equal(runs.length, 3);
    runs[2]?.finish('three');
    assert.equal(await later, 'three');
  });

  it('tells everyone who is there what happens, and all that it failed', async () => {
    const { runs, shared } = createWorkshop();
    const heard: [string, number][] = [];
    const first = shared.run('a', { onEvent: (event) => heard.push(['first', event]) });
    runs[0]?.emit(1);
    const second = shared.run('a', { onEvent: (event) => heard.push(['second', event]) });
    runs[0]?.emit(2);
    runs[0]?.fail(new Error('broken'));
    assert.deepEqual(
      (await Promise.allSettled([first, second])).map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    assert.deepEqual(heard, [
      ['first', 1],
      ['first', 2],
      ['second', 2],
    ]);
  });

  it('goes on when one of two leaves and is aborted when both have', async () => {
    const { runs, shared } = createWorkshop();
    const [one, two] = [new AbortController(), new AbortController()];
    const first = shared.run('a', { signal: one.signal });
    const second = shared.run('a', { signal: two.signal });
    one.abort(new Error('one left'));
    await assert.rejects(first, /one left/);
    assert.equal(runs[0]?.signal.aborted, false);
    two.abort(new Error('two left'));
    await new Promise(setImmediate);
    assert.equal(runs[0]?.signal.aborted, true);
    runs[0]?.fail(new Error('aborted'));
    await assert.rejects(second, /two left/);
  });

  it('that everyone has left ends before the same begins again', async () => {
    const { runs, shared } = createWorkshop();
    const leave = new AbortController();
    const first = shared.run('a', { signal: leave.signal });
    leave.abort(new Error('left'));
    await new Promise(setImmediate);
    const second = shared.run('a', {});
    await new Promise(setImmediate);
    assert.equal(runs.length, 1);
    runs[0]?.fail(new Error('aborted'));
    await assert.rejects(first, /left/);
    await new Promise(setImmediate);
    assert.equal(runs.length, 2);
    runs[1]?.finish('again');
    assert.equal(await second, 'again');
  });

  it('does not begin for a caller who is gone already', async () => {
    const { runs, shared } = createWorkshop();
    await assert.rejects(shared.run('a', { signal: AbortSignal.abort(new Error('gone')) }), /gone/);
    assert.equal(runs.length, 0);
  });
});
