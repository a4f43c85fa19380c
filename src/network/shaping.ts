import { OrlopError } from '#errors';
import type { EndpointTable } from './endpoint-table.ts';
import { isLinked } from './inside.ts';
import { buriedGroup, networkGroup, turnLink } from './naming.ts';
import { addTurn, deleteLink, setLink } from './netlink/requests.ts';
import { isRefusal, type RouteSocket } from './netlink/socket.ts';
import { divertIncoming, filterKinds, ignoreIncoming, shapeLink, unshapeLink, watchIncoming } from './netlink/traffic.ts';
import { isPairEndpoint, type PairEndpoint } from './pair.ts';
import type { LinkRates } from './types.ts';

/** What rates are made with. */
export interface ShapingTools {
  readonly socket: RouteSocket;
  readonly prefix: string;
  readonly endpoints: EndpointTable;
}

/**
 * See `Networks.shape`. What comes to a container leaves the host's end of its pair, where a token bucket holds it. What it sends comes in there, and what comes in cannot wait: it takes a
 * turn through a link of its own (an ifb), whose bucket it leaves by. The container has no hand in either. What a kill leaves of this is made whole by doing it again.
 */
export function shape(tools: ShapingTools, containerId: string, rates: LinkRates): void {
  for (const endpoint of tools.endpoints.ofContainer(containerId)) {
    if (!isLinked(endpoint) || !tools.endpoints.isAttached(endpoint)) continue;
    if (isPairEndpoint(endpoint)) shapePair(tools, endpoint, rates);
    else if (rates.ingressBits !== undefined || rates.egressBits !== undefined) {
      throw new OrlopError(
        'failed-precondition',
        'NETWORK_NO_RATE',
        `what goes through network ${endpoint.network} cannot be held to a rate`,
        {
          hint: `containers of ${endpoint.driver} networks have no link on the host: use a bridge network`,
        },
      );
    }
  }
}

/** The turn of a pair goes with it: out of use, and removed by the next sweep. */
export function buryTurn(socket: RouteSocket, prefix: string, hostLink: string): void {
  const turn = socket.link({ name: turnLink(prefix, hostLink) });
  if (turn !== null) socket.change(setLink({ index: turn.index }, { up: false, group: buriedGroup(prefix) }));
}

function shapePair({ socket, prefix }: ShapingTools, endpoint: PairEndpoint, { ingressBits, egressBits }: LinkRates): void {
  const link = socket.link({ name: endpoint.hostLink });
  if (link === null) return;
  explain(() => {
    if (ingressBits === undefined) unlessAbsent(() => socket.change(unshapeLink(link.index)));
    else socket.change(shapeLink(link.index, ingressBits));
    const name = turnLink(prefix, endpoint.hostLink);
    const turn = socket.link({ name });
    if (egressBits === undefined) {
      if (turn === null) return;
      unlessAbsent(() => socket.change(ignoreIncoming(link.index)));
      socket.change(deleteLink({ index: turn.index }));
      return;
    }
    const through = turn?.index ?? makeTurn(socket, prefix, name);
    socket.change(shapeLink(through, egressBits), setLink({ index: through }, { up: true }));
    unlessAbsent(() => socket.change(ignoreIncoming(link.index)));
    socket.change(watchIncoming(link.index));
    divert(socket, link.index, through);
  });
}

function makeTurn(socket: RouteSocket, prefix: string, name: string): number {
  socket.change(addTurn(name, networkGroup(prefix)));
  return socket.link({ name })?.index ?? 0;
}

/** With the first kind of filter that this kernel has. */
function divert(socket: RouteSocket, index: number, through: number): void {
  for (const kind of filterKinds) {
    try {
      socket.change(divertIncoming(index, through, kind));
      return;
    } catch (error) {
      if (kind === filterKinds.at(-1) || !isRefusal(error, 'ENOENT', 'EOPNOTSUPP')) throw error;
    }
  }
}

function unlessAbsent(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!isRefusal(error, 'ENOENT', 'EINVAL', 'ENODEV')) throw error;
  }
}

function explain(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!isRefusal(error, 'ENOENT', 'EOPNOTSUPP')) throw error;
    throw new OrlopError('failed-precondition', 'NETWORK_NO_SHAPING', 'this kernel cannot hold links to a rate', {
      hint: 'it needs the modules sch_tbf, sch_ingress, cls_matchall or cls_u32, act_mirred and ifb',
      cause: error,
    });
  }
}
