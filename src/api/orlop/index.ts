export type { OrlopBackend } from './backend.ts';
export { orlopLxdRoutes, type LxdBackend } from './lxd-routes.ts';
export { orlopRoutes } from './routes.ts';
export { orlopStoreRoutes, type StoreBackend } from './store-routes.ts';
