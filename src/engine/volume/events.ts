import type { EngineContext } from '../context.ts';

type Action = 'create' | 'mount' | 'unmount' | 'destroy' | 'prune';

/** Docker's events of volumes; their id is the name. */
export function publishVolumeEvent(
  { events }: Pick<EngineContext, 'events'>,
  name: string,
  action: Action,
  attributes: Readonly<Record<string, string>>,
): void {
  events.publish({ type: 'volume', action, id: name, attributes });
}
