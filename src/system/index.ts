export { cloudInitPrograms, planSeed, seedDirectory, type SeedFacts } from './cloud-init.ts';
export { detectInit, findInit, type FoundInit } from './detect.ts';
export { type BootState, type ReadinessProbe, readinessProbe, requestOf, shutdownSignal, systemEnvironment } from './inits.ts';
export { planPreparations, type PreparationFacts } from './preparations.ts';
export type { FileOperation, InitSystem } from './types.ts';
