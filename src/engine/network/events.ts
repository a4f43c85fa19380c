import type { NetworkRecord } from '#network';
import type { EngineContext } from '../context.ts';

/** `create`, `connect`, `disconnect`, `destroy`, with Docker's attributes. */
export function publishNetworkEvent(
  context: EngineContext,
  { id, name, driver }: Pick<NetworkRecord, 'id' | 'name' | 'driver'>,
  action: 'create' | 'connect' | 'disconnect' | 'destroy',
  attributes: Readonly<Record<string, string>> = {},
): void {
  context.events.publish({ type: 'network', action, id, attributes: { ...attributes, name, type: driver === 'none' ? 'null' : driver } });
}
