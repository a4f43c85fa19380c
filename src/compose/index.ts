export { readVariables } from './load/environment.ts';
export { loadProject, type ProjectOptions } from './load/project.ts';
export type { Project } from './model/project.ts';
export type { Variable } from './model/variables.ts';
export type { ServiceConfig } from './model/service.ts';
export { formatYaml, hashService, imageOf, printProject } from './model/print.ts';
export { dropUnused, noSuchService, selectServices } from './model/select.ts';
export {
  containersOf,
  convergeDown,
  convergeRestart,
  convergeStart,
  convergeStop,
  convergeUp,
  waitUntilReady,
  type ConvergeOptions,
} from './converge/up.ts';
export { findProject } from './converge/observe.ts';
export {
  provideServices,
  releaseServices,
  withoutProvided,
  type CallProvider,
  type Provided,
  type ProviderCommand,
} from './converge/providers.ts';
export { createOneOff } from './converge/one-off.ts';
export { listInitial, react } from './watch/sync.ts';
export { planReaction, type IgnoredContext } from './watch/rules.ts';
export { watchPaths } from './watch/watch.ts';
export { ensureImages, type ImageOptions, type ImageSource } from './converge/images.ts';
export { isUp, type ObservedContainer } from './plan/observed.ts';
export { formatPlan, subjectsOf, wordsFor, type Step } from './plan/steps.ts';
export { labels } from './plan/labels.ts';
export { sortedKeys } from './shape/index.ts';
