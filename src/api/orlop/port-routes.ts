import type { Exchange, JsonReader, Route } from '#api/http';
import type { PortChange, PortSelection, PublishedPort } from '#wire';
import { decodePortWish, portOf, protocolOf } from './decode-networks.ts';

/** What the routes of published ports need of the engine. */
export interface PortBackend {
  readonly containers: { changePorts(ref: string, change: PortChange): Promise<readonly PublishedPort[]> };
}

/** `POST /orlop/v1/containers/{id}/ports` with what comes and what goes; answers what leads to the container then. */
export function orlopPortRoutes({ containers }: PortBackend): Route[] {
  return [{ method: 'POST', path: '/orlop/v1/containers/{id}/ports', handle: (exchange) => change(containers, exchange) }];
}

async function change(containers: PortBackend['containers'], exchange: Exchange): Promise<void> {
  const body = await exchange.readObject();
  const add = body.objects('add').map(decodePortWish);
  const remove = body.objects('remove').map(decodeSelection);
  exchange.json(200, { ports: await containers.changePorts(exchange.parameters['id'] ?? '', { add, remove }) });
}

function decodeSelection(body: JsonReader): PortSelection {
  const hostAddress = body.text('hostAddress');
  return { hostPort: portOf(body, 'hostPort'), protocol: protocolOf(body), ...(hostAddress === '' ? {} : { hostAddress }) };
}
