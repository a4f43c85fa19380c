import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Step } from '../plan/steps.ts';
import type { UpdateConfig } from '../plan/replace.ts';
import { projectOf } from '../testing/project.ts';
import { judgeUpdates } from './judge-updates.ts';

/** Four containers of one service; answers how many steps were tolerated before one was not, and what was said. */
async function failures(config: UpdateConfig): Promise<{ readonly tolerated: number; readonly lost: readonly string[] }> {
  const steps = [1, 2, 3, 4].map(
    (number): Step => ({
      id: `start:${number}`,
      after: [],
      subject: '',
      act: { kind: 'start', service: 'a', ref: `a-${number}` },
      updates: `a-${number}`,
    }),
  );
  const said: string[] = [];
  const project = projectOf({ a: { deploy: { update_config: config } } });
  const verdicts = judgeUpdates(project, { steps, warnings: [] }, 'update_config', (text) => said.push(text));
  try {
    // It fails at its start, and so does the wait for it: that is one failure.
    for (const step of steps)
      for (const _time of ['start', 'wait'])
        await verdicts.tolerate(step, new AbortController().signal, async () => {
          throw new Error('no');
        });
  } catch (error) {
    assert.match(String(error), /update of service a failed: no/);
  }
  return { tolerated: said.length / 2, lost: verdicts.lost };
}

describe('containers that fail while they replace others', () => {
  test('end the update with the first one, or bring all back, or do not matter', async () => {
    assert.deepEqual(await failures({}), { tolerated: 0, lost: [] });
    assert.deepEqual(await failures({ failure_action: 'rollback' }), { tolerated: 0, lost: ['a'] });
    assert.deepEqual(await failures({ failure_action: 'continue' }), { tolerated: 4, lost: [] });
  });

  test('matter when they are more than the share that may fail', async () =>
    assert.deepEqual(await failures({ failure_action: 'rollback', max_failure_ratio: 0.5 }), { tolerated: 2, lost: ['a'] }));

  test('are not what a step fails with that nothing is replaced by', async () => {
    const verdicts = judgeUpdates(projectOf({ a: {} }), { steps: [], warnings: [] }, 'update_config', () => undefined);
    const step: Step = { id: 's', after: [], subject: '', act: { kind: 'start', service: 'a', ref: 'r' } };
    const work = async (): Promise<null> => {
      throw new Error('own');
    };
    await assert.rejects(verdicts.tolerate(step, new AbortController().signal, work), { message: 'own' });
  });
});
