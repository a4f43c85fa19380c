import type { MountView, MountWish } from '#wire';

/** A mount with everything chosen, kept in the container's record: it is the same at every start. JSON-safe. */
export interface ResolvedMount extends Omit<MountWish, 'short' | 'createSource' | 'noCopy' | 'labels' | 'driverOptions'> {
  /** bind: the host's path; volume: its name; image: the reference; tmpfs: ''. */
  readonly source: string;
  readonly readOnly: boolean;
  /** The options of the short form, for clients. */
  readonly shortOptions: string;
  /** volume: where it lies on the host, for clients. */
  readonly hostPath?: string;
  /** volume: made for this container without a name, and removed with it where that is asked for. */
  readonly isAnonymous?: boolean;
  /** image: the layers that it shows. */
  readonly chain?: string | null;
}

/** What clients are shown of it. */
export function viewOfMount(mount: ResolvedMount): MountView {
  return {
    type: mount.type,
    ...(mount.type === 'volume' ? { name: mount.source, driver: mount.driver ?? 'local' } : {}),
    source: mount.type === 'volume' ? (mount.hostPath ?? '') : mount.source,
    target: mount.target,
    mode: mount.shortOptions,
    writable: !mount.readOnly,
    propagation: mount.propagation ?? '',
  };
}
