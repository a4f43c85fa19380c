export type * from './model.ts';
export { openEngine } from './engine.ts';
export type { EngineOptions } from './context.ts';
export { parseLogConfig } from './logs/config.ts';
