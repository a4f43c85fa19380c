import type { ExpandVariables } from './changes.ts';
import type { Descriptor, Digest, ImageConfig } from '#oci';
import type { ChainId } from '#store';
import type { CommitRequest } from './commit.ts';
import type { LoadOptions } from './load.ts';

/** What an image is made for: its label `orlop.kind` says it, `app` without one. */
export type ImageKind = 'app' | 'system';

/** One layer of an image: the packed blob and where it lies unpacked. */
export interface ImageLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  readonly chainId: ChainId;
}

/** An image of this store, for this machine's platform. Immutable but for its names: whatever else changes gets another id. */
export interface Image {
  /** Digest of the config: Docker's image id. */
  readonly id: Digest;
  /** Digest that the names point to: the manifest, or an index that holds it. */
  readonly target: Digest;
  /** Digest of the manifest for this platform. */
  readonly manifest: Digest;
  /** Complete references that point to it, sorted. */
  readonly names: readonly string[];
  /** When the last of its names came to point to it, nanoseconds since the epoch; 0 without names. */
  readonly namedNs: bigint;
  readonly config: ImageConfig;
  /** Base first. */
  readonly layers: readonly ImageLayer[];
  /** The whole stack, for `snapshots.prepare`; null for an image without layers. */
  readonly chain: ChainId | null;
  readonly kind: ImageKind;
  /** The init that its label `orlop.init` names: `systemd`, `busybox`, …; null when it says nothing. */
  readonly init: string | null;
  /** Id of the image that it was made from here; null for one that came whole. */
  readonly parent: string | null;
  /** Nanoseconds since the epoch, from the config; 0 when it says nothing. */
  readonly createdNs: bigint;
  /** Of each unpacked layer, base first; 0 for one that is not here. */
  readonly layerBytes: readonly number[];
  /** Of all of them. */
  readonly sizeBytes: number;
}

/** What happened to one part of a long change, in the shape of Docker's pull stream. */
export interface ProgressEvent {
  readonly id: string;
  readonly status: string;
  readonly current?: number;
  readonly total?: number;
}

export type Progress = (event: ProgressEvent) => void;

/** Labels by which images tell the engine what they are. */
export const imageLabels = {
  kind: 'orlop.kind',
  init: 'orlop.init',
  template: 'orlop.template',
  variant: 'orlop.template.variant',
  masked: 'orlop.template.masked',
  /** What LXD calls the fingerprint of the files that it was made from. */
  fingerprint: 'orlop.lxd.fingerprint',
  /** Files for the first boot of each container; see `firstBootFiles`. */
  firstBoot: 'orlop.first-boot',
} as const;

/** Annotation of a manifest: the id of the image that it was made from. */
export const parentAnnotation = 'orlop.parent';

/** A container that stands on an image, as its owner tells it. */
export interface ImageUser {
  readonly id: string;
  readonly name: string;
  readonly running: boolean;
}

export interface RemoveImageOptions {
  /** Also when the id has several names, or when stopped containers use it. */
  readonly force?: boolean;
  readonly users: (image: Image) => readonly ImageUser[];
}

export interface SaveOptions {
  /** See `Images.resolve`. */
  readonly platform?: string;
  readonly signal?: AbortSignal;
}

export interface RemovedImage {
  /** Familiar references that are gone. */
  readonly untagged: readonly string[];
  /** Ids of images and digests of layers that are gone. */
  readonly deleted: readonly Digest[];
  readonly freedBytes: number;
}

export interface ImportRootRequest {
  /** Name of the new image; none without it. */
  readonly reference?: string;
  /** Dockerfile instructions that set its config: `CMD ["sh"]`, `ENV A=b`, … */
  readonly changes?: readonly string[];
  /** How they refer to variables; absent: `$` is a character. */
  readonly expand?: ExpandVariables;
  readonly message?: string;
  /** What it is for (`linux/arm64`), when not for this machine. */
  readonly platform?: string;
  readonly kind?: ImageKind;
  /** ISO 8601; now without it. */
  readonly created?: string;
  readonly signal?: AbortSignal;
}

/**
 * The images of one store. Names are the database's, contents are cached: reading is synchronous and cheap. A reference is whatever people type:
 * `debian`, `debian:trixie`, `ghcr.io/x/y@sha256:…`, an id or an unambiguous prefix of one.
 */
export interface Images {
  /** Every image that has a name and whose content is whole; by name. */
  list(): Image[];
  /**
   * Not-found `IMAGE_NOT_FOUND`; invalid-argument for a malformed or ambiguous reference; data-loss when its content is damaged. `platform` (`linux/arm64`)
   * takes another image from the index that the name points to; not-found when that one is not here.
   */
  resolve(reference: string, platform?: string): Image;
  /** A root tar (plain, gzip, zstd) becomes an image of one layer. Invalid-argument for a bad change or tar; nothing is left after a failure. */
  importRoot(source: AsyncIterable<Uint8Array>, request: ImportRootRequest): Promise<Image>;
  /** Gives it one more name, moving that name when another image has it. */
  tag(reference: string, name: string): Image;
  /**
   * Takes a name away, or all of them when given an id; content that nothing needs any more is deleted. Conflict `IMAGE_IN_USE` when containers use
   * the last name (running ones even with `force`), `IMAGE_HAS_NAMES` when an id has several and `force` is not set.
   */
  remove(reference: string, options: RemoveImageOptions): Promise<RemovedImage>;
  /** Takes all names of these away, and then once deletes what nothing needs any more, be it theirs or not. Nobody is asked who uses them. */
  removeAll(images: readonly Image[]): Promise<RemovedImage>;
  /** What a container has changed becomes a layer, and with its image a new image; nothing is left after a failure. Invalid-argument for a bad change or name. */
  commit(request: CommitRequest): Promise<Image>;
  /** An archive of images, each under the name that it is asked for by; see `saveImages`. Not-found before the first byte. */
  save(references: readonly string[], options?: SaveOptions): AsyncIterable<Buffer>;
  /** The same of one image that needs no name here, by the digest of its manifest and under these names. */
  saveAs(target: Digest, names: readonly string[], signal?: AbortSignal): AsyncIterable<Buffer>;
  /** The same of images that need no names here and get none, by the digests of their manifests. */
  saveUnnamed(targets: readonly Digest[], signal?: AbortSignal): AsyncIterable<Buffer>;
  /** The images of an archive, with the names that it gave them; see `loadArchive`. */
  load(
    source: AsyncIterable<Uint8Array>,
    options?: LoadOptions,
  ): Promise<readonly { readonly image: Image; readonly names: readonly string[] }[]>;
  /** Unpacks what of its layers is missing, from their blobs. */
  unpack(image: Image, signal?: AbortSignal): Promise<void>;
}
