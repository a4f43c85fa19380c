import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { filterEvents } from './event-filter.ts';
import type { EngineEvent } from './model.ts';

const events: readonly EngineEvent[] = [
  { type: 'container', action: 'start', id: 'c0ffee', attributes: { name: 'web', image: 'busybox', tier: 'front' } },
  { type: 'network', action: 'connect', id: 'beef', attributes: { name: 'mine', container: 'c0ffee' } },
  { type: 'container', action: 'health_status: healthy', id: 'd00d', attributes: { name: 'well' } },
  { type: 'image', action: 'tag', id: 'sha256:1', attributes: { name: 'busybox' } },
  { type: 'container', action: 'die', id: 'fade', attributes: { name: 'worker', image: 'registry:5000/app:1' } },
].map((event, index) => ({ ...event, timeNs: BigInt(index) }) as EngineEvent);

async function* all(): AsyncGenerator<EngineEvent> {
  yield* events;
}

describe('filters of events', () => {
  const cases: readonly [filters: Record<string, string[]>, actions: string[]][] = [
    [{}, ['start', 'connect', 'health_status: healthy', 'tag', 'die']],
    [{ type: ['network', 'image'] }, ['connect', 'tag']],
    [{ event: ['start'] }, ['start']],
    [{ event: ['health_status'] }, ['health_status: healthy']],
    [{ event: ['health'] }, []],
    [{ container: ['c0f'] }, ['start']],
    [{ container: ['web', 'other'] }, ['start']],
    [{ network: ['mine'] }, ['connect']],
    [{ image: ['busybox'] }, ['start', 'tag']],
    [{ image: ['registry:5000/app'] }, ['die']],
    [{ image: ['registry:5000/app:1', 'registry'] }, ['die']],
    [{ label: ['tier=front'] }, ['start']],
    [{ label: ['tier', 'other'] }, []],
    [{ scope: ['local'], type: ['image'] }, ['tag']],
    [{ scope: ['swarm'] }, []],
    [{ type: ['container'], event: ['connect'] }, []],
  ];
  for (const [filters, actions] of cases) {
    test(`${JSON.stringify(filters)} lets through ${actions.join(' ')}`, async () => {
      const seen = await Array.fromAsync(filterEvents(all(), filters));
      assert.deepEqual(
        seen.map(({ action }) => action),
        actions,
      );
    });
  }

  test('that are none fail before anything is read', () => {
    assert.throws(() => filterEvents(all(), { colour: ['red'] }), { kind: 'invalid-argument', message: "invalid filter 'colour'" });
  });
});
