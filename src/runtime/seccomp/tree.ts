import type { Assembler, Label } from './bpf.ts';
import { writeCondition } from './conditions.ts';
import type { Range } from './ranges.ts';

/** A binary search over the ranges with the call's number in the accumulator. Decisions that occur twice are written once. */
export function writeTree(out: Assembler, ranges: readonly Range[]): Label {
  const written = new Map<string, Label>();
  const leaf = (range: Range): Label => {
    if (range.decision.rules.length === 0) return out.returns(range.decision.otherwise);
    const label = written.get(range.key) ?? writeDecision(out, range);
    written.set(range.key, label);
    return label;
  };
  const tree = (from: number, to: number): Label => {
    const middle = (from + to) >> 1;
    const [here, before, after] = [ranges[middle], ranges[middle - 1], ranges[middle + 1]];
    if (here === undefined) throw new RangeError('no ranges');
    if (to - from === 1) return leaf(here);
    const isHole = to - from === 3 && before?.key === after?.key && after?.start === here.start + 1;
    if (isHole && before !== undefined) return out.branch('equal', here.start, leaf(here), leaf(before));
    const above = tree(middle, to);
    return out.branch('greaterOrEqual', here.start, above, tree(from, middle));
  };
  return tree(0, ranges.length);
}

function writeDecision(out: Assembler, { decision, wide }: Range): Label {
  let next = out.returns(decision.otherwise);
  for (const { conditions, verdict } of decision.rules.toReversed()) {
    let start = out.returns(verdict);
    for (const condition of conditions.toReversed()) start = writeCondition(out, condition, wide, start, next);
    next = start;
  }
  return next;
}
