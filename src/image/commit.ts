import { type ContainerConfig, type Digest, formatReference, parseReference, type Platform, withDefaultTag } from '#oci';
import type { ChainId, Lease, Store } from '#store';
import { addLayer, addUnread } from './add-layer.ts';
import { parseChanges, type ExpandVariables } from './changes.ts';
import { kindOf, readImage } from './read.ts';
import { imageLabels, type ImageKind } from './types.ts';
import { untaggedName } from './untagged.ts';
import { nameImages, writeImage } from './write.ts';

export interface CommitRequest {
  /** The manifest that the container was made from; null: it stands on an empty root. */
  readonly base: Digest | null;
  /** What the container has changed, as a layer's tar; or unpacked layers that stand on the base's, base first, which nobody has read: they are packed, and not copied. */
  readonly layer: AsyncIterable<Uint8Array> | readonly ChainId[];
  /** What containers of the new image start with, where it differs from what the base says; empty: nothing. */
  readonly config: ContainerConfig;
  /** Dockerfile instructions that change that config. */
  readonly changes?: readonly string[];
  /** How they refer to variables; absent: `$` is a character. */
  readonly expand?: ExpandVariables;
  /** Name of the new image; without it the image is kept without a name. */
  readonly reference?: string;
  /** Holds the new image in place of a name: it is there as long as the lease. */
  readonly lease?: Lease;
  readonly kind?: ImageKind;
  /** For the history: what made the layer. */
  readonly createdBy?: string;
  readonly comment?: string;
  readonly author?: string;
  /** ISO 8601; now without it. */
  readonly created?: string;
  readonly signal?: AbortSignal;
}

function changesOf({ changes = [], expand }: CommitRequest, env: readonly string[] = []): ContainerConfig {
  return parseChanges(changes, { env, ...(expand === undefined ? {} : { expand }) });
}

/** See `Images.commit`; returns the manifest's digest. */
export async function commitImage(store: Store, request: CommitRequest, platform: Platform): Promise<Digest> {
  // What makes no sense is refused before anything is packed.
  changesOf(request);
  const reference = request.reference === undefined ? undefined : withDefaultTag(parseReference(request.reference));
  const created = request.created ?? new Date().toISOString();
  using own = store.leases.create();
  const lease = request.lease ?? own;
  if (request.base !== null) lease.hold({ image: request.base });
  const base = request.base === null ? null : readImage(store, request.base, platform);
  const below = base?.layers ?? [];
  const { signal } = request;
  const layers = [...below];
  if (Symbol.asyncIterator in request.layer)
    layers.push(await addLayer(store, lease, request.layer, { below, ...(signal === undefined ? {} : { signal }) }));
  else for (const chainId of request.layer) layers.push(await addUnread(store, lease, chainId, layers.at(-1)?.chainId ?? null, signal));
  const { comment, author, createdBy } = request;
  const before = withoutEmpty({ ...base?.config.config, ...request.config });
  const config = mergeConfig(before, changesOf(request, before.Env));
  const kind = request.kind ?? kindOf(config.Labels ?? {});
  const target = await writeImage(store, lease, {
    layers,
    config: kind === 'system' ? { ...config, Labels: { ...config.Labels, [imageLabels.kind]: kind } } : config,
    history: [
      ...(base?.config.history ?? []),
      // One for each layer; without one, a line that says so.
      ...Array.from({ length: Math.max(1, layers.length - below.length) }, () => ({
        created,
        ...(author === undefined ? {} : { author }),
        ...(createdBy === undefined ? {} : { created_by: createdBy }),
        ...(comment === undefined ? {} : { comment }),
        ...(layers.length === below.length ? { empty_layer: true } : {}),
      })),
    ],
    created,
    ...(author === undefined ? {} : { author }),
    ...(base === null ? {} : { parent: base.id }),
    platform: base === null ? platform : platformOf(base.config, platform),
  });
  if (request.lease !== undefined && reference === undefined) return target;
  nameImages(store, [{ name: reference === undefined ? untaggedName(target) : formatReference(reference), target, kind }]);
  return target;
}

function platformOf({ architecture, os, variant }: Platform, { architecture: ours }: Platform): Platform {
  return { architecture: architecture === '' ? ours : architecture, os, ...(variant === undefined ? {} : { variant }) };
}

/** An empty list or text says nothing. */
function withoutEmpty(config: ContainerConfig): ContainerConfig {
  const isEmpty = (value: unknown): boolean =>
    value === '' || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(config).filter(([, value]) => !isEmpty(value)));
}

/** What instructions say comes after what there is: lists of names grow, variables of one name are replaced, all else counts alone. */
export function mergeConfig(config: ContainerConfig, changed: ContainerConfig): ContainerConfig {
  const names = new Set((changed.Env ?? []).map(nameOf));
  const env = [...(config.Env ?? []).filter((line) => !names.has(nameOf(line))), ...(changed.Env ?? [])];
  const merged: ContainerConfig = {
    ...config,
    ...changed,
    ...(env.length === 0 ? {} : { Env: env }),
    ...both('Labels', config, changed),
    ...both('ExposedPorts', config, changed),
    ...both('Volumes', config, changed),
  };
  // A new entry point makes the old arguments meaningless (Dockerfile reference, ENTRYPOINT).
  if (changed.Entrypoint === undefined || changed.Cmd !== undefined) return merged;
  const { Cmd: _, ...rest } = merged;
  return rest;
}

function both<Key extends 'Labels' | 'ExposedPorts' | 'Volumes'>(key: Key, one: ContainerConfig, other: ContainerConfig): ContainerConfig {
  return one[key] === undefined && other[key] === undefined ? {} : { [key]: { ...one[key], ...other[key] } };
}

function nameOf(line: string): string {
  return line.split('=', 1)[0] ?? line;
}
