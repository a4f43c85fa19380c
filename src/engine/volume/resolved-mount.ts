import type { Digest } from '#oci';
import type { ChainId } from '#store';
import type { MountView, MountWish } from '#wire';

/** A mount with everything chosen, kept in the container's record: it is the same at every start. JSON-safe. */
export interface ResolvedMount extends Omit<MountWish, 'short' | 'recursiveReadOnly' | 'nonRecursive'> {
  /** Cleaned. */
  readonly target: string;
  /** bind: the host's path; volume: its name; image: the reference; tmpfs: ''. */
  readonly source: string;
  readonly readOnly: boolean;
  /** The options of the short form, for clients. */
  readonly shortOptions: string;
  /** bind: with the mounts below the source. */
  readonly recursive?: boolean;
  /** Only the mount itself is read-only, not those below it. */
  readonly shallowReadOnly?: boolean;
  /** It is another container's, that this one has as well: what it shows exists. */
  readonly inherited?: boolean;
  /** volume: where it lies on the host, for clients. */
  readonly hostPath?: string;
  /** volume: made for a container without a name, and removed with it where that is asked for. */
  readonly isAnonymous?: boolean;
  /** image: what it shows. */
  readonly image?: MountedLayers;
  /** The name that it was added by (`device add`). */
  readonly device?: string;
}

/** Layers that a mount shows. */
export interface MountedLayers {
  /** Of the image; empty when they are no image's. */
  readonly id: string;
  readonly manifest: Digest | '';
  readonly chain: ChainId | null;
  /** A directory below the data root in place of a chain. */
  readonly directory?: string;
  /** Directories below the data root that take what is written there. */
  readonly writable?: { readonly upper: string; readonly work: string };
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

/** Names of the volumes that it mounts, each once. */
export function volumesOf(mounts: readonly ResolvedMount[]): string[] {
  return [...new Set(mounts.filter(({ type }) => type === 'volume').map(({ source }) => source))];
}
