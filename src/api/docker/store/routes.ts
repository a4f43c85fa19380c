import type { Route } from '#api/http';
import { imageArchiveRoutes } from './archive-routes.ts';
import type { StoreBackend } from './backend.ts';
import { containerArchiveRoutes } from './container-routes.ts';
import { diskRoutes } from './disk-routes.ts';

/** What moves images and roots as archives, and what is said and done about the disk. Comes before the image routes: a name may end in `/get`. */
export function storeRoutes(backend: StoreBackend): Route[] {
  return [...imageArchiveRoutes(backend), ...containerArchiveRoutes(backend), ...diskRoutes(backend)];
}
