export { loadProject, type ProjectOptions } from './load/project.ts';
export type { Project } from './model/project.ts';
export type { ServiceConfig } from './model/service.ts';
export { formatYaml, hashService, imageOf, printProject } from './model/print.ts';
export { dropUnused, noSuchService, selectServices } from './model/select.ts';
export {
  containersOf,
  convergeDown,
  convergeStop,
  convergeUp,
  waitUntilReady,
  type ConvergeOptions,
} from './converge/up.ts';
export { ensureImages, type ImageOptions, type ImageSource } from './converge/images.ts';
export type { ObservedContainer } from './plan/observed.ts';
export { formatPlan, wordsFor, type Step } from './plan/steps.ts';
export { labels } from './plan/labels.ts';
export { sortedKeys } from './shape/index.ts';
