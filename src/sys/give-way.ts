import { setImmediate } from 'node:timers/promises';

/** How long the event loop may have to wait, unless the disk takes longer for one step. */
const turnMs = 4;

/** For long work in small steps: called between them, lets others have their turn when this one has lasted. By time, for how many steps that are depends on the disk. */
export function createGiveWay(): () => Promise<void> {
  let turnBegan = performance.now();
  return async () => {
    if (performance.now() - turnBegan < turnMs) return;
    await setImmediate();
    turnBegan = performance.now();
  };
}
