import type { ContainerConfig } from '#oci';
import type { Image, ImageKind, Progress } from '../types.ts';

/** A recipe that makes base images from a distribution's packages. */
export interface Template {
  /** `debian/trixie`. */
  readonly name: string;
  readonly description: string;
  /** A variant stands behind the one that is its base. */
  readonly variants: readonly TemplateVariant[];
  readonly source: DebianSource | { readonly type: 'busybox' };
}

export interface DebianSource {
  readonly type: 'debian';
  readonly suite: string;
  /** Base address of a mirror or a snapshot of one; mmdebstrap's own choice (deb.debian.org, with updates and security) without it. */
  readonly mirror?: string;
  /** Take package lists that say of themselves that they are out of date, as those of a snapshot do: fixes may be missing. */
  readonly staleMirror?: boolean;
}

export interface TemplateVariant {
  /** `app`, `systemd`, … */
  readonly name: string;
  readonly kind: ImageKind;
  /** The image that it makes, `debian:trixie-systemd`. */
  readonly reference: string;
  readonly init: string | null;
  /** The variant that it adds a layer to; null for one that makes its root alone. */
  readonly base: string | null;
  /** Made when no variant is named. */
  readonly isDefault: boolean;
  /** Packages beyond the base. */
  readonly packages: readonly string[];
  /** Paths that dpkg leaves out, now and later, and those that it keeps among them: `/usr/share/doc/*` (dpkg(1), --path-exclude). */
  readonly leftOut: readonly string[];
  readonly kept: readonly string[];
  /** Lines for the root's own shell, run in it when the packages are there. */
  readonly commands: readonly string[];
  /** Units switched off because they cannot work in a container of its own user namespace. */
  readonly masked: readonly string[];
  readonly config: ContainerConfig;
}

export interface PackageRequest extends Pick<TemplateVariant, 'packages' | 'masked' | 'leftOut' | 'kept' | 'commands'> {
  readonly source: DebianSource;
  /** Seconds since 1970: no file in the result is younger. */
  readonly epoch: number;
  /** Where the tar goes; its directory is free to use. */
  readonly output: string;
}

export interface PackagerOptions {
  readonly onStatus: (status: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Makes a root file system from packages, as one tar. Fails with failed-precondition `IMAGE_PACKAGER_MISSING`, unavailable
 * `IMAGE_MIRROR_UNREACHABLE` or `IMAGE_MIRROR_STALE`, not-found `IMAGE_SUITE_NOT_FOUND`, resource-exhausted `IMAGE_DISK_FULL`, cancelled `IMAGE_BUILD_CANCELLED`, or
 * internal `IMAGE_PACKAGER_FAILED`.
 */
export interface Packager {
  build(request: PackageRequest, options: PackagerOptions): Promise<void>;
}

/**
 * Runs a program to its end; the composition root knows how. Rejects with Node's ENOENT error when there is no such program. On abort it ends the
 * program and all that it started (SIGTERM to a process group of its own), waits for the end, and rejects with the signal's reason.
 */
export type RunProgram = (
  file: string,
  args: readonly string[],
  options?: {
    /** Added to the caller's own environment. */
    readonly env?: Readonly<Record<string, string>>;
    readonly signal?: AbortSignal;
    /** Each line of standard error, without its end. */
    readonly onLine?: (line: string) => void;
  },
) => Promise<{
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
}>;

/** What one build changes in its recipe. */
export interface TemplateOverrides extends Pick<DebianSource, 'mirror' | 'staleMirror'> {
  /** The age of the youngest file, in seconds since 1970 (reproducible-builds.org, SOURCE_DATE_EPOCH); the day's midnight (UTC) without it. */
  readonly sourceDateEpoch?: number;
}

export interface BuildTemplateRequest extends TemplateOverrides {
  /** `debian/trixie`, or one variant of it with its base, `debian/trixie/systemd`. Not-found `IMAGE_TEMPLATE_NOT_FOUND`. */
  readonly template: string;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

export interface TemplateBuilder {
  /**
   * Makes the template's images and moves their names to them, all at once at the end; returns them in the template's order. Invalid-argument
   * `IMAGE_BAD_OVERRIDE` for a mirror or a time that makes no sense. A build of the same that runs already is joined; it is cancelled when the last who waits for it is. Fails as `Packager` does; nothing is left then.
   */
  build(request: BuildTemplateRequest): Promise<Image[]>;
}
