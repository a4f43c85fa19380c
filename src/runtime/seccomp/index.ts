export { createSeccompCache, type SeccompCache } from './cache.ts';
export { compileSeccomp, type CompiledSeccomp, type SeccompHost } from './compile.ts';
export { defaultProfile } from './profiles/app.ts';
export { systemProfile } from './profiles/system.ts';
