import type { Exchange, Route } from '#api/http';
import type { ShutdownBody } from '#wire';

/** What the route of a shutdown needs of the program. */
export interface ShutdownBackend {
  /** Names of containers that could not be stopped. */
  shutdown(): Promise<readonly string[]>;
  /** Ends the engine itself, soon after. */
  end(): void;
}

/** `POST /orlop/v1/shutdown`: all containers are stopped in their order, then the engine. Answers between the two. */
export function orlopShutdownRoutes(backend: ShutdownBackend): Route[] {
  return [{ method: 'POST', path: '/orlop/v1/shutdown', handle: (exchange) => shutDown(backend, exchange) }];
}

async function shutDown(backend: ShutdownBackend, exchange: Exchange): Promise<void> {
  const failed = await backend.shutdown();
  exchange.json(200, { failed } satisfies ShutdownBody);
  if (failed.length === 0) backend.end();
}
