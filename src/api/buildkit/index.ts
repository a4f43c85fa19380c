export type { BuildkitBackend, ContextSource } from './backend.ts';
export { buildkitRoutes, type BuildkitRoutes } from './routes.ts';
