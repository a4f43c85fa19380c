import type { Exchange, Route } from '#api/http';
import { OrlopError } from '#errors';
import type { BootBody, BootView } from '#wire';
import { checkKeys } from './known-keys.ts';

/** What the route that waits for machines needs of the engine. */
export interface BootBackend {
  readonly containers: { awaitBoot(ref: string, timeoutMs: number, signal: AbortSignal): Promise<BootView | null> };
}

/** A timer of Node's takes no more. */
const longestMs = 2 ** 31 - 1;

/** `POST /orlop/v1/containers/{id}/await-boot` with `timeoutMs`; answers when the machine is up. */
export function orlopBootRoutes({ containers }: BootBackend): Route[] {
  return [{ method: 'POST', path: '/orlop/v1/containers/{id}/await-boot', handle: (exchange) => awaitBoot(containers, exchange) }];
}

async function awaitBoot(containers: BootBackend['containers'], exchange: Exchange): Promise<void> {
  const body = await exchange.readObject();
  checkKeys(body, ['timeoutMs']);
  const timeoutMs = body.integer('timeoutMs');
  if (timeoutMs < 1 || timeoutMs > longestMs)
    throw new OrlopError('invalid-argument', 'ORLOP_BAD_FIELD', `timeoutMs must be between 1 and ${longestMs}`);
  exchange.json(200, { boot: await containers.awaitBoot(exchange.parameters['id'] ?? '', timeoutMs, exchange.signal) } satisfies BootBody);
}
