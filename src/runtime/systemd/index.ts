export { requireSystemd, startScope, stopScope, updateScope } from './scope.ts';
export { planAnnotatedProperties } from './annotations.ts';
export { parseScopeName } from './slices.ts';
