import type { ContainerConfig } from '#oci';
import type { Image, ImageKind, Progress } from '../types.ts';

/** A recipe that makes base images from a distribution's packages. */
export interface Template {
  /** `debian/trixie`. */
  readonly name: string;
  readonly description: string;
  /** First the one for app containers: the others stand on its layer. */
  readonly variants: readonly TemplateVariant[];
  readonly source: { readonly type: 'debian'; readonly suite: string } | { readonly type: 'busybox' };
}

export interface TemplateVariant {
  /** `app`, `systemd`, … */
  readonly name: string;
  readonly kind: ImageKind;
  /** The image that it makes, `debian:trixie-systemd`. */
  readonly reference: string;
  readonly init: string | null;
  /** Made when no variant is named. */
  readonly isDefault: boolean;
  /** Packages beyond the base. */
  readonly packages: readonly string[];
  /** Units switched off because they cannot work in a container of its own user namespace. */
  readonly masked: readonly string[];
  readonly config: ContainerConfig;
}

export interface PackageRequest {
  readonly suite: string;
  readonly packages: readonly string[];
  readonly masked: readonly string[];
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

export interface BuildTemplateRequest {
  /** `debian/trixie`, or one variant of it with its base, `debian/trixie/systemd`. Not-found `IMAGE_TEMPLATE_NOT_FOUND`. */
  readonly template: string;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

export interface TemplateBuilder {
  /**
   * Makes the template's images and moves their names to them, all at once at the end; returns them in the template's order. A build of the same
   * that runs already is joined; it is cancelled when the last who waits for it is. Fails as `Packager` does; nothing is left then.
   */
  build(request: BuildTemplateRequest): Promise<Image[]>;
}
