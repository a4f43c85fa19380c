import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ServiceConfig } from '../model/service.ts';
import { projectOf } from '../testing/project.ts';
import type { ObservedContainer } from './observed.ts';
import { planRollback } from './rollback.ts';
import { formatPlan } from './steps.ts';
import type { UpdateConfig } from './replace.ts';

const container = (id: string, number: number, name: string, state: string): ObservedContainer => ({
  id: id.padEnd(12, '0'),
  name,
  service: 'a',
  number,
  hash: '',
  imageId: '',
  oneOff: false,
  state,
  networks: [],
  volumes: [],
  anonymous: {},
});
const aside = (number: number): ObservedContainer => container(`old${number}`, number, `old${number}00000000_p-a-${number}`, 'exited');
const fresh = (number: number): ObservedContainer => container(`new${number}`, number, `p-a-${number}`, 'running');

function rollback(config: UpdateConfig, containers: readonly ObservedContainer[], more: ServiceConfig = {}): string[] {
  const plan = planRollback(projectOf({ a: { image: 'x', ...more, deploy: { rollback_config: config } } }), 'a', { containers });
  return formatPlan(plan).trim().split('\n');
}

describe('the plan of a rollback', () => {
  const stopFirst = [
    'Container p-a-1  Stopping',
    'Container p-a-1  Removing',
    'Container old100000000_p-a-1  Renaming',
    'Container p-a-1  Starting',
    'Container p-a-1  Waiting',
  ];

  test('takes what is new away and brings back what it replaced; what was not replaced yet stays', () =>
    assert.deepEqual(rollback({}, [aside(1), fresh(1), fresh(2)]), stopFirst));

  test('starts what comes back before it takes the new one away, unless a port of the host keeps it from that', () => {
    const order = { order: 'start-first' } as const;
    assert.deepEqual(rollback(order, [aside(1), fresh(1)]), [
      'Container p-a-1  Starting',
      'Container p-a-1  Waiting',
      'Container p-a-1  Stopping',
      'Container p-a-1  Removing',
      'Container old100000000_p-a-1  Renaming',
    ]);
    assert.deepEqual(rollback(order, [aside(1), fresh(1)], { ports: [{ target: 80, published: '80' }] }), stopFirst);
  });

  test('brings back also where the new one was never made', () =>
    assert.deepEqual(rollback({}, [aside(1)]), [
      'Container old100000000_p-a-1  Renaming',
      'Container p-a-1  Starting',
      'Container p-a-1  Waiting',
    ]));

  test('goes one by one, with a pause between, or all at once', () => {
    const containers = [aside(1), fresh(1), aside(2), fresh(2)];
    const slow = rollback({ delay: 1e9 }, containers);
    assert.ok(slow.indexOf('Container p-a-1  Waiting') < slow.indexOf('Service a  Pausing'), slow.join('\n'));
    assert.ok(slow.indexOf('Service a  Pausing') < slow.indexOf('Container p-a-2  Stopping'), slow.join('\n'));
    assert.deepEqual(rollback({ parallelism: 0 }, containers).slice(0, 2), ['Container p-a-1  Stopping', 'Container p-a-2  Stopping']);
  });
});
