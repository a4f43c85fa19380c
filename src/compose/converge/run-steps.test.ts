import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import type { Step } from '../plan/steps.ts';
import { runPlan } from './run-steps.ts';

const step = (id: string, ...after: string[]): Step => ({ id, after, subject: id, act: { kind: 'remove', ref: id, volumes: false } });

describe('carrying a plan out', () => {
  test('does each step once, after those before it, and side by side with the others', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat(20), { maxLength: 3 }), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 4 }),
        async (graph, parallel) => {
          const steps = graph.map((before, index) => step(String(index), ...before.filter((other) => other < index).map(String)));
          const done = new Set<string>();
          let active = 0;
          const perform = async ({ id, after }: Step): Promise<null> => {
            assert.ok(after.every((other) => done.has(other)) && !done.has(id));
            active += 1;
            assert.ok(active <= parallel);
            await turn();
            active -= 1;
            done.add(id);
            return null;
          };
          await runPlan({ steps, warnings: [] }, { perform, parallel });
          assert.equal(done.size, steps.length);
        },
      ),
      { numRuns: 30 },
    );
  });

  test('begins nothing after a failure, undoes what was done, the last first, and throws the failure', async () => {
    const said: string[] = [];
    const perform = async ({ id }: Step): Promise<() => Promise<void>> => {
      if (id === 'c') throw new Error('no');
      said.push(id);
      return async () => void said.push(`undo ${id}`);
    };
    const plan = { steps: [step('a'), step('b', 'a'), step('c', 'b'), step('d', 'c')], warnings: [] };
    await assert.rejects(runPlan(plan, { perform, rollsBack: true }), { message: 'no' });
    assert.deepEqual(said, ['a', 'b', 'undo b', 'undo a']);
  });

  test('tells running steps to stop when another fails', async () => {
    const perform = async ({ id }: Step, signal: AbortSignal): Promise<null> => {
      if (id === 'bad') throw new Error('no');
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      return null;
    };
    await assert.rejects(runPlan({ steps: [step('long'), step('bad')], warnings: [] }, { perform }), { message: 'no' });
  });

  test('says which steps wait for each other', async () => {
    const plan = { steps: [step('a', 'b'), step('b', 'a')], warnings: [] };
    await assert.rejects(runPlan(plan, { perform: async () => null }), { code: 'COMPOSE_STUCK', message: /a, b/ });
  });
});
