import type { ChainId, Lease } from '#store';
import type { EngineContext } from '../context.ts';
import { chainOf } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import { findSnapshot, requireWhole } from './find.ts';
import { withKnownProfiles } from './known-profiles.ts';
import { settingsOf, type SnapshotSettings } from './record.ts';
import { fixRoot } from './root.ts';
import { requireLasting } from './take.ts';

/** A root that others can stand on, and the settings that belong to it. */
export interface FixedSource {
  readonly chain: ChainId | null;
  readonly settings: SnapshotSettings;
}

/** What a container is now, or was at a snapshot; the lease holds it. A running container is frozen for as long as its writable layer is copied. */
export async function fixSource(
  context: EngineContext,
  container: LiveContainer,
  lease: Lease,
  snapshot: string | undefined,
): Promise<FixedSource> {
  return context.queues.run(container.record.id, async () => {
    requireLasting(container);
    const hold = ({ chain, settings }: FixedSource): FixedSource => {
      if (chain !== null) lease.hold({ layer: chain });
      lease.hold({ image: settings.image.manifest });
      return { chain, settings };
    };
    if (snapshot !== undefined) {
      const found = findSnapshot(context, container.record, snapshot);
      requireWhole(context, container.record, found);
      return hold({ chain: chainOf(found.settings), settings: withKnownProfiles(context, found.settings) });
    }
    const chain = await fixRoot(context, container, lease, { write: () => undefined, next: (record) => record });
    return hold({ chain, settings: settingsOf({ ...container.record, chain }) });
  });
}
