export type { OrlopBackend } from './backend.ts';
export { orlopRoutes } from './routes.ts';
