import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatEvent } from './routes.ts';

test('an event keeps all digits of its time', () => {
  const line = formatEvent({
    type: 'container',
    action: 'die',
    id: 'abc',
    attributes: { image: 'x', exitCode: '0' },
    timeNs: 1_700_000_000_123_456_789n,
  });
  assert.match(line, /"timeNano":1700000000123456789\}$/);
  const { timeNano: _, ...event } = JSON.parse(line) as Record<string, unknown>;
  assert.deepEqual(event, {
    status: 'die',
    id: 'abc',
    from: 'x',
    Type: 'container',
    Action: 'die',
    Actor: { ID: 'abc', Attributes: { image: 'x', exitCode: '0' } },
    scope: 'local',
    time: 1_700_000_000,
  });
});
