import type { EngineContext } from '../context.ts';
import { readProfiles } from '../settings/profiles.ts';
import type { SnapshotSettings } from './record.ts';

/** Settings of a snapshot as they can be now: what a profile gave that is gone is the container's own. */
export function withKnownProfiles(context: EngineContext, settings: SnapshotSettings): SnapshotSettings {
  const known = new Set(readProfiles(context).map(({ name }) => name));
  const { request, inherited, inheritedDevices } = settings;
  const profiles = request.profiles?.filter((name) => known.has(name));
  const kept = Object.entries(inherited ?? {}).filter(([, { profile }]) => known.has(profile));
  return {
    ...settings,
    request: profiles === undefined ? request : { ...request, profiles },
    ...(inherited === undefined ? {} : { inherited: Object.fromEntries(kept) }),
    ...(inheritedDevices === undefined
      ? {}
      : { inheritedDevices: Object.fromEntries(Object.entries(inheritedDevices).filter(([, profile]) => known.has(profile))) }),
  };
}
