export { formatPlace, parseNodes, type Node, type Place } from './node.ts';
export {
  always,
  complain,
  inside,
  isZero,
  kept,
  replacing,
  throwProblems,
  variableText,
  type Form,
  type Problem,
  type Reading,
  type Shape,
  type ValueOf,
} from './shape.ts';
export { decimal, duration, flag, matching, oneOf, size, text, textOrNumber, whole } from './scalars.ts';
export { attempt, dictionary, expanding, findWanting, inOrder, list, object, oneOrMore, sortedKeys } from './collections.ts';
export { checked, derived, namesAsKeys, optional, pairs, rewritten, shortOr } from './forms.ts';
export { formatDuration, parseSpan } from './durations.ts';
