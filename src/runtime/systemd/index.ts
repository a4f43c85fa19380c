export { requireSystemd, startScope, stopScope, updateScope } from './scope.ts';
export { parseScopeName } from './slices.ts';
