import type { Socket } from 'node:net';
import type { Exchange, Route } from '#api/http';
import type { LeaseGrant, LeaseRequest, LeasesBody, LeaseView } from '#wire';

/** What the routes of leases need of the engine. */
export interface LeaseBackend {
  readonly leases: {
    hold(request: LeaseRequest): LeaseGrant & { release(): void };
    end(id: string): Promise<void>;
    list(): LeaseView[];
  };
}

/** `/orlop/v1/leases…` */
export function orlopLeaseRoutes({ leases }: LeaseBackend): Route[] {
  return [
    { method: 'GET', path: '/orlop/v1/leases', handle: (exchange) => exchange.json(200, { leases: leases.list() } satisfies LeasesBody) },
    { method: 'POST', path: '/orlop/v1/leases', hijacks: true, handle: (exchange) => hold(leases, exchange) },
    { method: 'DELETE', path: '/orlop/v1/leases/{id}', handle: (exchange) => end(leases, exchange) },
  ];
}

/** Seconds until a connection over a network that has gone silent is asked whether it is alive: tcp(7), TCP_KEEPIDLE. */
const keepAliveMs = 15_000;

/** Takes the connection over and holds the lease as long as it is open: the kernel closes it for a client that is killed. */
async function hold(leases: LeaseBackend['leases'], exchange: Exchange): Promise<void> {
  const body = await exchange.readObject();
  const id = body.text('id');
  const graceMs = body.integer('graceMs');
  const { release, ...grant } = leases.hold({ ...(id === '' ? {} : { id }), graceMs });
  let hasClientLeft = true;
  try {
    const socket = exchange.hijack('application/x-ndjson');
    socket.setKeepAlive(true, keepAliveMs);
    socket.write(`${JSON.stringify({ id: grant.id, isNew: grant.isNew } satisfies LeaseGrant)}\n`);
    hasClientLeft = (await whoLeaves(socket, exchange.signal)) === 'client';
    socket.destroy();
  } finally {
    // An engine that stops leaves its containers running, and the next one waits for their clients.
    if (hasClientLeft) release();
  }
}

function whoLeaves(socket: Socket, stopped: AbortSignal): Promise<'client' | 'engine'> {
  return new Promise((resolve) => {
    for (const event of ['end', 'close']) socket.once(event, () => resolve('client'));
    // A connection that breaks fires this signal as well, but only once it is destroyed.
    stopped.addEventListener('abort', () => resolve(socket.destroyed ? 'client' : 'engine'), { once: true });
    if (socket.destroyed) resolve('client');
    // What a client says by it has no meaning.
    socket.resume();
  });
}

async function end(leases: LeaseBackend['leases'], exchange: Exchange): Promise<void> {
  await leases.end(exchange.parameters['id'] ?? '');
  exchange.empty(204);
}
