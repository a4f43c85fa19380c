export { createSeccompCache, type SeccompCache } from './cache.ts';
export { compileSeccomp, type CompiledSeccomp, type SeccompHost, type SeccompListener } from './compile.ts';
export { interpretFilter, type SeccompCall } from './interpret.ts';
export { defaultProfile } from './profiles/app.ts';
export { systemProfile } from './profiles/system.ts';
