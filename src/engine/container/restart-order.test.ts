import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import type { EngineContext } from '../context.ts';
import { idOf, liveWith, requestWith } from '../fixtures/records.ts';
import { createSerialQueues } from '../serial.ts';
import { initialState, type ContainerRecord } from './record.ts';
import { resumeRestarts } from './restart.ts';
import { createContainerTable } from './table.ts';

/** In which order containers that are to run again are started; each start takes a while, and donors take longest. */
async function orderOf(...records: readonly Partial<ContainerRecord>[]): Promise<string[]> {
  const table = createContainerTable();
  const queues = createSerialQueues();
  const ended: string[] = [];
  records.forEach((change, index) => {
    const request = requestWith({ restartPolicy: { name: 'always' }, ...change.request });
    const state = { ...initialState, status: 'exited', startedAtNs: 1n } as const;
    table.add(liveWith({ id: idOf(String(index + 1)), name: `c${index + 1}`, state, ...change, request }));
  });
  const context = {
    table,
    queues,
    store: { metadata: { containers: { update: () => undefined } } },
    startAgain: ({ record }: { record: ContainerRecord }) =>
      void queues.run(record.id, async () => {
        for (let turns = 10 - Number(record.name.slice(1)); turns > 0; turns--) await turn();
        ended.push(record.name);
      }),
  };
  void resumeRestarts(context as unknown as EngineContext, new AbortController().signal);
  while (ended.length < records.length) await turn();
  return ended;
}

const of = (digit: string): string => `container:${idOf(digit)}`;

test('containers come after those whose namespaces they join and which they link to', async () => {
  assert.deepEqual(await orderOf({}, { network: of('1') }, { request: requestWith({ pidNamespace: of('2') }) }), ['c1', 'c2', 'c3']);
  assert.deepEqual(await orderOf({ links: [{ id: idOf('2'), alias: 'x' }] }, {}), ['c2', 'c1']);
});

test('containers that have nothing to do with each other wait for nobody', async () =>
  assert.deepEqual(await orderOf({}, {}, { network: of('9') }), ['c3', 'c2', 'c1']));

test('containers that link to each other in a circle are all started', async () => {
  const started = await orderOf(
    { links: [{ id: idOf('2'), alias: 'x' }] },
    { links: [{ id: idOf('1'), alias: 'y' }] },
    { links: [{ id: idOf('3'), alias: 'z' }] },
  );
  assert.deepEqual(started.toSorted(), ['c1', 'c2', 'c3']);
});

test('those of a higher order come first, and the next ones wait until they have started', async () => {
  const ordered = (order: string) => ({ request: requestWith({ settings: { 'boot.autostart': 'true', 'boot.autostart.order': order } }) });
  assert.deepEqual(await orderOf(ordered('1'), ordered('3'), ordered('2')), ['c2', 'c3', 'c1']);
});
