import type { StagePlan } from '../model.ts';

/** Lines of the file over all stages, in the order in which a sequential build comes to them. */
export interface Numbering {
  readonly total: number;
  /** Of each stage's FROM. */
  readonly first: readonly number[];
}

/** Positions of the target's stage and of those that it stands on. */
export function resultsOf({ stages, target }: StagePlan): Set<number> {
  const results = new Set([target]);
  for (let base = stages[target]?.base; base?.kind === 'stage'; base = stages[base.position]?.base) results.add(base.position);
  return results;
}

export function numberLines(plan: StagePlan): Numbering {
  const first: number[] = [];
  let next = plan.file.globalArgs.length + 1;
  for (const { stage } of plan.stages) {
    first.push(next);
    next += stage.instructions.length + 1;
  }
  return { total: next - 1, first };
}
