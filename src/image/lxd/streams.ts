import { OrlopError } from '#errors';
import { parseJson, type Platform, rankPlatform } from '#oci';
import { platformOfArchitecture } from './metadata.ts';

/** One product of a simplestreams server (products:1.0): a distribution's release in one variant for one architecture. */
export interface Product {
  /** `debian:bookworm:amd64:default` */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly architecture: string;
  /** By their names, which sort by age. */
  readonly versions: Readonly<Record<string, readonly StreamItem[]>>;
}

/** A file of a version. */
export interface StreamItem {
  readonly type: string;
  readonly path: string;
  readonly sha256: string;
  readonly size: number;
  /** Sums over a metadata file and each of the roots that go with it, in hexadecimal digits, by the field's name. */
  readonly combined: Readonly<Record<string, string>>;
}

/** What is to be fetched for an image. */
export interface StreamImage {
  readonly product: string;
  readonly version: string;
  readonly metadata: StreamItem;
  /** null: the metadata file is a unified tarball. */
  readonly root: StreamItem | null;
  /** What LXD calls the fingerprint; null when the server does not say it. */
  readonly fingerprint: string | null;
}

const maxDocumentBytes = 256 * 1024 * 1024;
const hex = /^[0-9a-f]{64}$/;

/** The paths of the documents that hold images, from `streams/v1/index.json`. Unavailable `IMAGE_BAD_STREAM` for anything else. */
export function parseStreamIndex(text: string, host: string): string[] {
  const index = objectOf(objectOf(read(text, 'index.json', host))['index']);
  const paths = Object.values(index).flatMap((entry) => {
    const { datatype, path } = objectOf(entry);
    return datatype === 'image-downloads' && typeof path === 'string' && isRelative(path) ? [path] : [];
  });
  if (paths.length === 0) throw badStream(host, 'its index names no images');
  return paths.slice(0, 16);
}

/** The products of such a document; what makes no sense in it is passed over, as it may be for others. */
export function parseProducts(text: string, host: string): Product[] {
  const products = Object.entries(objectOf(objectOf(read(text, 'list of images', host))['products']));
  return products.flatMap(([name, value]): Product[] => {
    const { aliases, arch, versions } = objectOf(value);
    if (typeof arch !== 'string') return [];
    return [
      {
        name,
        aliases: (typeof aliases === 'string' ? aliases : '').split(',').map((alias) => alias.trim()),
        architecture: arch,
        versions: Object.fromEntries(Object.entries(objectOf(versions)).map(([version, inner]) => [version, itemsOf(inner)])),
      },
    ];
  });
}

function itemsOf(version: unknown): StreamItem[] {
  return Object.values(objectOf(objectOf(version)['items'])).flatMap((value) => {
    const { ftype, path, sha256, size, ...rest } = objectOf(value);
    if (typeof ftype !== 'string' || typeof path !== 'string' || !isRelative(path)) return [];
    if (typeof sha256 !== 'string' || !hex.test(sha256) || typeof size !== 'number' || !Number.isSafeInteger(size) || size <= 0) return [];
    const combined = Object.entries(rest).filter(
      (entry): entry is [string, string] => entry[0].startsWith('combined_') && typeof entry[1] === 'string' && hex.test(entry[1]),
    );
    return [{ type: ftype, path, sha256, size, combined: Object.fromEntries(combined) }];
  });
}

/** The words for a root, best first, with the field that holds its sum together with the metadata. */
const roots: readonly (readonly [type: string, ...sums: string[]])[] = [
  ['squashfs', 'combined_squashfs_sha256'],
  ['root.tar.xz', 'combined_rootxz_sha256', 'combined_sha256'],
];

/**
 * The newest image that an alias or a product's name means on this platform; `debian/12/arm64` asks for another one's. Not-found
 * `IMAGE_NO_ALIAS` naming what is similar, or `IMAGE_NO_ARCHITECTURE`.
 */
export function chooseImage(products: readonly Product[], alias: string, platform: Platform, host: string): StreamImage {
  const asked = products.filter(
    ({ name, aliases, architecture }) => name === alias || aliases.some((one) => `${one}/${architecture}` === alias),
  );
  const named = asked.length > 0 ? asked : products.filter(({ aliases }) => aliases.includes(alias));
  const rankOf = ({ architecture }: Product): number =>
    asked.length > 0 ? 1 : rankPlatform(platform, platformOfArchitecture(architecture));
  const fitting = named
    .map((product) => ({ product, rank: rankOf(product) }))
    .filter(({ rank }) => rank > 0)
    .toSorted((one, other) => other.rank - one.rank);
  for (const { product } of fitting) {
    for (const version of Object.keys(product.versions).toSorted().toReversed()) {
      const image = imageOf(product.name, version, product.versions[version] ?? []);
      if (image !== null) return image;
    }
  }
  throw named.length === 0 ? noAlias(products, alias, host) : noFiles(named, alias, platform, host);
}

function imageOf(product: string, version: string, items: readonly StreamItem[]): StreamImage | null {
  const find = (...types: readonly string[]): StreamItem | undefined => items.find(({ type }) => types.includes(type));
  const metadata = find('lxd.tar.xz', 'incus.tar.xz');
  for (const [type, ...sums] of metadata === undefined ? [] : roots) {
    const root = find(type);
    const sum = sums.map((field) => metadata?.combined[field]).find((value) => value !== undefined);
    if (root !== undefined && metadata !== undefined) return { product, version, metadata, root, fingerprint: sum ?? null };
  }
  const unified = find('lxd_combined.tar.gz', 'incus_combined.tar.gz');
  return unified === undefined ? null : { product, version, metadata: unified, root: null, fingerprint: unified.sha256 };
}

function noAlias(products: readonly Product[], alias: string, host: string): OrlopError {
  const [distribution = ''] = alias.split('/');
  const all = [...new Set(products.flatMap(({ aliases }) => aliases))].filter((candidate) => candidate !== '').toSorted();
  const similar = all.filter((candidate) => candidate.split('/')[0] === distribution);
  const shown = (similar.length > 0 ? similar : [...new Set(all.map((candidate) => candidate.split('/')[0] ?? ''))]).slice(0, 30);
  return new OrlopError('not-found', 'IMAGE_NO_ALIAS', `server ${host} has no image "${alias}"`, {
    hint: shown.length === 0 ? 'it has none at all' : `it has ${shown.join(', ')}`,
  });
}

function noFiles(named: readonly Product[], alias: string, { architecture }: Platform, host: string): OrlopError {
  const there = [...new Set(named.map((product) => product.architecture))];
  return new OrlopError('not-found', 'IMAGE_NO_ARCHITECTURE', `server ${host} has no container image "${alias}" for ${architecture}`, {
    hint: `it has it for ${there.join(', ')}`,
  });
}

/** Joined to the server's address and leading nowhere else. */
function isRelative(path: string): boolean {
  return path !== '' && !path.startsWith('/') && !/[\\?#]/.test(path) && !path.split('/').some((part) => part === '..' || part === '.');
}

function read(text: string, name: string, host: string): unknown {
  try {
    return parseJson(text, { name, maxBytes: maxDocumentBytes });
  } catch (cause) {
    throw badStream(host, (cause as Error).message, cause);
  }
}

/** What is no object has nothing in it. */
function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function badStream(host: string, what: string, cause?: unknown): OrlopError {
  return new OrlopError('unavailable', 'IMAGE_BAD_STREAM', `server ${host} does not speak simplestreams: ${what}`, {
    hint: "check the remote's address in remotes.json",
    ...(cause === undefined ? {} : { cause }),
  });
}
