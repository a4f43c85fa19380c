export type { OrlopBackend } from './backend.ts';
export { orlopDiskLimitRoutes, type DiskLimitBackend } from './disk-limit-routes.ts';
export { orlopExecRoutes, type ExecBackend } from './exec-routes.ts';
export { orlopLeaseRoutes, type LeaseBackend } from './lease-routes.ts';
export { orlopLxdRoutes, type LxdBackend } from './lxd-routes.ts';
export { orlopPortRoutes, type PortBackend } from './port-routes.ts';
export { orlopRoutes } from './routes.ts';
export { orlopStoreRoutes, type StoreBackend } from './store-routes.ts';
export { type BuildBackend, orlopBuildRoutes } from './build-routes.ts';
