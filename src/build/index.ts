export type * from './model.ts';
export { checkDockerfile, checkFrom, type CheckOptions, checkText } from './check/check.ts';
export { type CheckSettings, enforceChecks, parseCheckSettings, selectWarnings } from './check/settings.ts';
export { formatExcerpt } from './dockerfile/errors.ts';
export { expandWord } from './dockerfile/expand.ts';
export { parseDockerfile } from './dockerfile/parse.ts';
export { createIgnoreMatcher, parseIgnoreFile } from './ignore/matcher.ts';
export { type CompileOptions, compileStage, scratchConfig } from './stages/compile.ts';
export { planStages } from './stages/plan.ts';
