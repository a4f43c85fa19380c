import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EngineEvent } from './model.ts';
import { createEventBus } from './events.ts';

/** A bus whose clock counts up from 1. */
function countingBus() {
  let now = 0n;
  const bus = createEventBus(() => (now += 1n));
  const publish = (count: number): void => {
    for (let index = 0; index < count; index++) bus.publish({ type: 'container', action: 'start', id: 'x', attributes: {} });
  };
  return { bus, publish };
}

async function times(events: AsyncIterable<EngineEvent>): Promise<bigint[]> {
  return (await Array.fromAsync(events)).map((event) => event.timeNs);
}

/** The next few events; the subscription goes on. */
async function next(events: AsyncIterator<EngineEvent>, count: number): Promise<bigint[]> {
  const seen: bigint[] = [];
  while (seen.length < count) {
    const step = await events.next();
    if (step.done === true) break;
    seen.push(step.value.timeNs);
  }
  return seen;
}

function subscribe(bus: ReturnType<typeof createEventBus>, options: { sinceNs?: bigint; untilNs?: bigint }, signal: AbortSignal) {
  return bus.subscribe(options, signal)[Symbol.asyncIterator]();
}

describe('a reader', () => {
  test('without a start sees only what comes, stamped', async () => {
    const { bus, publish } = countingBus();
    publish(2);
    const stop = new AbortController();
    const events = subscribe(bus, {}, stop.signal);
    const first = events.next();
    publish(1);
    assert.deepEqual((await first).value, { type: 'container', action: 'start', id: 'x', attributes: {}, timeNs: 3n });
    await events.return?.();
  });

  test('is told the past from its start on, then what comes, without a gap', async () => {
    const { bus, publish } = countingBus();
    publish(5);
    const events = subscribe(bus, { sinceNs: 3n }, new AbortController().signal);
    assert.deepEqual(await next(events, 3), [3n, 4n, 5n]);
    publish(2);
    assert.deepEqual(await next(events, 2), [6n, 7n]);
    await events.return?.();
  });

  test('is told of the newest 256 past events', async () => {
    const { bus, publish } = countingBus();
    publish(300);
    const stop = new AbortController();
    stop.abort();
    const seen = await times(bus.subscribe({ sinceNs: 0n }, stop.signal));
    assert.equal(seen.length, 256);
    assert.deepEqual([seen[0], seen.at(-1)], [45n, 300n]);
  });

  test('whose end is past gets what lies between and ends', async () => {
    const { bus, publish } = countingBus();
    publish(5);
    // Keeps the process alive: the timer of the bus does not.
    const alive = setInterval(() => {}, 1000);
    const seen = await times(bus.subscribe({ sinceNs: 2n, untilNs: 4n }, new AbortController().signal));
    clearInterval(alive);
    assert.deepEqual(seen, [2n, 3n, 4n]);
  });

  test('ends with its signal, after what it had not read yet', async () => {
    const { bus, publish } = countingBus();
    publish(2);
    const stop = new AbortController();
    const events = subscribe(bus, { sinceNs: 1n }, stop.signal);
    assert.deepEqual(await next(events, 1), [1n]);
    publish(1);
    stop.abort();
    assert.deepEqual(await next(events, 9), [2n, 3n]);
  });

  test('that waits ends with its signal', async () => {
    const { bus } = countingBus();
    const stop = new AbortController();
    const step = subscribe(bus, {}, stop.signal).next();
    stop.abort();
    assert.equal((await step).done, true);
  });

  test('whose signal had fired before ends at once', async () => {
    const { bus } = countingBus();
    assert.deepEqual(await times(bus.subscribe({}, AbortSignal.abort())), []);
  });
});

test('each of several readers gets every event', async () => {
  const { bus, publish } = countingBus();
  const stop = new AbortController();
  const readers = [subscribe(bus, {}, stop.signal), subscribe(bus, {}, stop.signal)];
  const seen = readers.map((reader) => next(reader, 3));
  publish(3);
  assert.deepEqual(await Promise.all(seen), [
    [1n, 2n, 3n],
    [1n, 2n, 3n],
  ]);
  for (const reader of readers) await reader.return?.();
});

test('a slow reader keeps the newest 4096 and delays nobody', async () => {
  const { bus, publish } = countingBus();
  const stop = new AbortController();
  const slow = subscribe(bus, {}, stop.signal);
  const fast = subscribe(bus, {}, stop.signal);
  const firsts = [slow.next(), fast.next()];
  publish(1);
  await Promise.all(firsts);
  publish(5000);
  assert.deepEqual(await next(fast, 1), [906n]);
  publish(1);
  stop.abort();
  const seen = await next(slow, 9999);
  assert.equal(seen.length, 4096);
  assert.deepEqual([seen[0], seen.at(-1)], [907n, 5002n]);
});

test('a reader that goes away is forgotten', async () => {
  const { bus, publish } = countingBus();
  const gone = subscribe(bus, {}, new AbortController().signal);
  const step = gone.next();
  publish(1);
  await step;
  await gone.return?.();
  publish(1);
  assert.equal((await gone.next()).done, true);
});
