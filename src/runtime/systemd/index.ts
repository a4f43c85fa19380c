export { requireSystemd, startScope, stopScope, updateScope } from './scope.ts';
export { parseScopeName, type ScopeName } from './slices.ts';
