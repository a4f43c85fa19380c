export { loadProject, type ProjectOptions } from './load/project.ts';
export type { Project } from './model/project.ts';
export type { ServiceConfig } from './model/service.ts';
export { formatYaml, hashService, imageOf, printProject } from './model/print.ts';
export { dropUnused, selectServices } from './model/select.ts';
export { sortedKeys } from './shape/index.ts';
