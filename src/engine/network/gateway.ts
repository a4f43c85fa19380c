import type { Endpoint } from '#network';
import type { EngineContext } from '../context.ts';
import { isWired } from './places.ts';

/**
 * The place through which a container reaches the world, and the world reaches its ports: the highest priority, then the first by name, as Docker
 * chooses. An internal network leads nowhere.
 */
export function gatewayOf(context: Pick<EngineContext, 'networks'>, places: readonly Endpoint[]): Endpoint | null {
  const open = places.filter((place) => isWired(place) && !context.networks.find(place.networkId).internal);
  const priority = ({ wishes }: Endpoint): number => wishes.priority ?? 0;
  const [first = null] = open.toSorted((a, b) => priority(b) - priority(a) || (a.network < b.network ? -1 : 1));
  // What answers would leave through a link of macvlan or ipvlan, beside the host's table.
  return first?.driver === 'bridge' ? first : null;
}
