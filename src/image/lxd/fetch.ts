import { createHash } from 'node:crypto';
import { OrlopError } from '#errors';
import { formatReference, parseReference, type Platform, platformOfNodeArch, withDefaultTag } from '#oci';
import type { Downloads } from '#registry';
import { type Image, imageLabels, type Progress } from '../types.ts';
import { nameImages } from '../write.ts';
import { importLxd, type LxdImportParts, type LxdImportRequest } from './import.ts';
import { localName, parseRemoteName, type RemoteName, type Remotes } from './remotes.ts';
import { chooseImage, parseProducts, parseStreamIndex, type Product, type StreamImage, type StreamItem } from './streams.ts';

export interface LxdImagesOptions extends LxdImportParts {
  readonly remotes: Remotes;
  readonly downloads: Downloads;
  readonly platform?: Platform;
}

export interface FetchOptions {
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

/** Images for LXD and Incus: from files and from servers that speak simplestreams. */
export interface LxdImages {
  /** See `importLxd`. */
  import(request: LxdImportRequest): Promise<Image>;
  /** Whether a text names an image of a remote: `images:debian/12`. */
  isRemoteName(text: string): boolean;
  /**
   * Fetches the newest image that a name such as `images:debian/12` means on this machine, unless it is here: then nothing but the server's lists is read. Returns
   * the name that it has here, `images/debian:12`. Fails as `importLxd`, downloads and `chooseImage` do; data-loss when a file is not what the server announced.
   */
  fetch(name: string, options?: FetchOptions): Promise<{ readonly name: string; readonly image: Image; readonly isNew: boolean }>;
}

export function createLxdImages(options: LxdImagesOptions): LxdImages {
  const { remotes, platform = platformOfNodeArch(process.arch) } = options;
  return {
    import: (request) => importLxd(options, request),
    isRemoteName: (text) => parseRemoteName(remotes, text) !== null,
    async fetch(text, how = {}) {
      const wanted = parseRemoteName(remotes, text);
      if (wanted === null) throw noRemote(remotes, text);
      const progress = (status: string): void => how.progress?.({ id: text, status });
      progress('Looking it up');
      const { host } = new URL(wanted.url);
      const found = chooseImage(await readProducts(options.downloads, wanted, how), wanted.alias, platform, host);
      const name = localName(wanted);
      const here = findHere(options, found);
      if (here !== null) {
        nameImages(options.store, [{ name: formatReference(withDefaultTag(parseReference(name))), target: here.target, kind: here.kind }]);
        progress('Is up to date');
        return { name, image: here, isNew: false };
      }
      progress(`Fetching ${found.product} ${found.version}`);
      return { name, image: await fetchAndImport(options, wanted, found, name, how), isNew: true };
    },
  };
}

async function readProducts(downloads: Downloads, { url }: RemoteName, { signal }: FetchOptions): Promise<Product[]> {
  const { host } = new URL(url);
  const get = async (path: string, maxBytes: number): Promise<string> => {
    const bytes = await downloads.read(new URL(`${url}/${path}`), { object: path, maxBytes, ...(signal === undefined ? {} : { signal }) });
    return bytes.toString();
  };
  const paths = parseStreamIndex(await get('streams/v1/index.json', 16 * 1024 * 1024), host);
  const products: Product[] = [];
  for (const path of paths) products.push(...parseProducts(await get(path, 128 * 1024 * 1024), host));
  return products;
}

/** Without a fingerprint from the server there is nothing to know it by. */
function findHere({ images }: LxdImagesOptions, { fingerprint }: StreamImage): Image | null {
  if (fingerprint === null) return null;
  return images.list().find(({ config }) => config.config?.Labels?.[imageLabels.fingerprint] === fingerprint) ?? null;
}

function fetchAndImport(
  options: LxdImagesOptions,
  remote: RemoteName,
  { metadata, root, fingerprint }: StreamImage,
  reference: string,
  how: FetchOptions,
): Promise<Image> {
  const open = (item: StreamItem): AsyncIterable<Uint8Array> => download(options.downloads, remote, item, how);
  return importLxd(options, {
    ...how,
    reference,
    metadata: open(metadata),
    ...(root === null ? {} : { root: open(root) }),
    ...(fingerprint === null ? {} : { fingerprint }),
  });
}

/** A file whose size and sum are what the server announced: its last piece is only handed on when they are. */
async function* download(downloads: Downloads, { url }: RemoteName, item: StreamItem, how: FetchOptions): AsyncGenerator<Uint8Array> {
  const { path, size, sha256 } = item;
  const { signal, progress } = how;
  const id = path.slice(path.lastIndexOf('/') + 1);
  const wrong = (what: string): OrlopError =>
    new OrlopError('data-loss', 'IMAGE_LXD_CORRUPT', `server ${new URL(url).host}: ${path} arrived damaged: ${what}`, {
      hint: 'try again; the server may just be changing it',
    });
  const hash = createHash('sha256');
  let held: Buffer | null = null;
  let bytes = 0;
  for await (const chunk of downloads.stream(new URL(`${url}/${path}`), { object: path, ...(signal === undefined ? {} : { signal }) })) {
    bytes += chunk.length;
    if (bytes > size) throw wrong(`more than the ${size} bytes announced`);
    hash.update(chunk);
    if (held !== null) yield held;
    held = Buffer.from(chunk);
    progress?.({ id, status: 'Downloading', current: bytes, total: size });
  }
  if (bytes !== size) throw wrong(`${bytes} bytes, not the ${size} announced`);
  if (hash.digest('hex') !== sha256) throw wrong('its content has another SHA-256 sum');
  if (held !== null) yield held;
}

function noRemote(remotes: Remotes, text: string): OrlopError {
  return new OrlopError('not-found', 'IMAGE_NO_REMOTE', `"${text.slice(0, 200)}" names no image of a remote`, {
    hint: `remotes are ${Object.keys(remotes).join(', ')}; write REMOTE:ALIAS, such as images:debian/12`,
  });
}
