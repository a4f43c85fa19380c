import type { Exchange, Route } from '#api/http';

/** What the route of disk limits needs of the engine. */
export interface DiskLimitBackend {
  readonly containers: { resizeDisk(ref: string, sizeBytes: number): Promise<void> };
}

/** `POST /orlop/v1/containers/{id}/disk` with `sizeBytes`: what the container may write from now on. */
export function orlopDiskLimitRoutes({ containers }: DiskLimitBackend): Route[] {
  return [{ method: 'POST', path: '/orlop/v1/containers/{id}/disk', handle: (exchange) => resize(containers, exchange) }];
}

async function resize(containers: DiskLimitBackend['containers'], exchange: Exchange): Promise<void> {
  const body = await exchange.readObject();
  await containers.resizeDisk(exchange.parameters['id'] ?? '', body.integer('sizeBytes'));
  exchange.empty(204);
}
