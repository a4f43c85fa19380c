import {
  type Descriptor,
  parseImageConfig,
  parseManifestOrIndex,
  parseReference,
  type Platform,
  parsePlatform,
  platformOfNodeArch,
  type Reference,
  withDefaultTag,
} from '#oci';
import { isOrlopError, OrlopError } from '#errors';
import type { CredentialSource, RegistryClient, Repository, SearchHit } from '#registry';
import type { Store } from '#store';
import { type PulledImage, pullImage } from './pull.ts';
import { createBlobDownloads } from './pull-layers.ts';
import { type PushedImage, pushImage } from './push.ts';
import type { Images, Progress } from './types.ts';

export interface TransferOptions {
  readonly credentials?: CredentialSource;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
}

/** What a registry says of an image, without fetching it: Docker's `/distribution`. */
export interface RemoteImage {
  readonly descriptor: Descriptor;
  readonly platforms: readonly Platform[];
}

/** Images on their way to and from registries. References are what people type: `debian`, `ghcr.io/x/y:1`. */
export interface Transfers {
  /** `platform`: `linux/arm64`. See `pullImage`. */
  pull(
    reference: string,
    options?: TransferOptions & { readonly platform?: string },
  ): Promise<PulledImage & { readonly reference: Reference }>;
  /** All tags that the registry has of a repository. */
  tags(reference: string, options?: TransferOptions): Promise<string[]>;
  /** See `pushImage`; not-found when there is no such image here. `platform`: that platform's image alone, without its index. */
  push(
    reference: string,
    options?: TransferOptions & { readonly chunkBytes?: number; readonly platform?: string },
  ): Promise<PushedImage & { readonly reference: Reference }>;
  inspect(reference: string, options?: TransferOptions): Promise<RemoteImage>;
  /** Where a reference is, for those who keep other things than images there. */
  repository(
    reference: string,
    options?: Pick<TransferOptions, 'credentials'>,
  ): { readonly repository: Repository; readonly reference: Reference };
  /** See `RegistryClient.ping`: unauthenticated when the registry does not let these credentials in. */
  login(domain: string, options: TransferOptions): Promise<{ readonly identityToken: string | null }>;
  /** See `RegistryClient.search`. */
  search(domain: string, query: { readonly term: string; readonly limit: number }, options: TransferOptions): Promise<SearchHit[]>;
}

export function createTransfers(parts: {
  readonly store: Store;
  readonly images: Images;
  readonly registries: RegistryClient;
  readonly platform?: Platform;
}): Transfers {
  const { store, images, registries, platform = platformOfNodeArch(process.arch) } = parts;
  const downloads = createBlobDownloads(store);
  const open = (reference: Reference, { credentials }: TransferOptions) =>
    registries.repository({ domain: reference.domain, path: reference.path }, credentials === undefined ? {} : { credentials });
  return {
    async pull(text, options = {}) {
      const reference = withDefaultTag(parseReference(text));
      const wanted = options.platform === undefined ? {} : { platform: parsePlatform(options.platform) };
      const { credentials: _, platform: __, ...rest } = options;
      const pulling = pullImage({ store, platform, downloads }, { reference, repository: open(reference, options), ...rest, ...wanted });
      return { ...(await asCancelled(pulling, `pull of ${text}`, options.signal)), reference };
    },
    async push(text, options = {}) {
      const reference = withDefaultTag(parseReference(text));
      const { credentials: _, platform: wanted, ...rest } = options;
      const found = images.resolve(text, wanted);
      const image = wanted === undefined ? found : { ...found, target: found.manifest };
      const pushing = pushImage(store, { reference, repository: open(reference, options), image, ...rest });
      return { ...(await asCancelled(pushing, `push of ${text}`, options.signal)), reference };
    },
    tags: (text, options = {}) => {
      const listing = open(parseReference(text), options).tags(options.signal === undefined ? {} : { signal: options.signal });
      return asCancelled(listing, `listing of the tags of ${text}`, options.signal);
    },
    inspect: (text, options = {}) => {
      const reference = withDefaultTag(parseReference(text));
      return inspectRemote(open(reference, options), reference, options);
    },
    repository(text, options = {}) {
      const reference = withDefaultTag(parseReference(text));
      return { repository: open(reference, options), reference };
    },
    login: (domain, { credentials, signal }) =>
      registries.ping(domain, { ...(credentials === undefined ? {} : { credentials }), ...(signal === undefined ? {} : { signal }) }),
    search: (domain, query, { credentials, signal }) =>
      registries.search(domain, query, {
        ...(credentials === undefined ? {} : { credentials }),
        ...(signal === undefined ? {} : { signal }),
      }),
  };
}

async function inspectRemote(
  repository: ReturnType<RegistryClient['repository']>,
  reference: Reference,
  options: TransferOptions,
): Promise<RemoteImage> {
  const how = options.signal === undefined ? {} : { signal: options.signal };
  const { descriptor, bytes } = await repository.fetchManifest(reference.digest ?? reference.tag ?? 'latest', how);
  const parsed = parseManifestOrIndex(bytes, descriptor.mediaType);
  if (parsed.type === 'index') {
    const { manifests } = parsed.index;
    return {
      descriptor,
      platforms: manifests.flatMap(({ platform }) => (platform === undefined || platform.os === 'unknown' ? [] : [platform])),
    };
  }
  return { descriptor, platforms: [await platformOfConfig(repository, parsed.manifest.config, how)] };
}

const maxConfigBytes = 4 * 1024 * 1024;

async function platformOfConfig(
  repository: ReturnType<RegistryClient['repository']>,
  config: Descriptor,
  how: { readonly signal?: AbortSignal },
): Promise<Platform> {
  if (config.size > maxConfigBytes)
    throw new OrlopError('invalid-argument', 'IMAGE_BAD_CONFIG', `config ${config.digest} has ${config.size} bytes`);
  const chunks: Buffer[] = [];
  for await (const chunk of repository.fetchBlob(config, how)) chunks.push(chunk);
  const { os, architecture, variant } = parseImageConfig(Buffer.concat(chunks));
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/** Whatever fails because the caller gave up is cancelled, not broken. */
async function asCancelled<T>(work: Promise<T>, what: string, signal: AbortSignal | undefined): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (signal?.aborted !== true || isOrlopError(cause, 'cancelled')) throw cause;
    throw new OrlopError('cancelled', 'IMAGE_CANCELLED', `the ${what} was cancelled`, { cause });
  }
}
