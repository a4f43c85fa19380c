import { OrlopError } from '#errors';
import { parseJson } from '#oci';

/** Servers of images for LXD and Incus, by the name that stands before the colon: `images:debian/12`. */
export type Remotes = Readonly<Record<string, Remote>>;

export interface Remote {
  /** Base address of a server that speaks simplestreams. */
  readonly url: string;
}

/** Incus' own images, built daily for many distributions. */
export const defaultRemotes: Remotes = { images: { url: 'https://images.linuxcontainers.org' } };

const maxRemotesBytes = 1024 * 1024;

/**
 * Parses `remotes.json`: `{ "remotes": { "images": { "url": "https://images.example" } } }`, added to the default ones or instead of them. Unknown words are
 * refused. Invalid-argument `IMAGE_BAD_REMOTES` naming the place.
 */
export function parseRemotes(text: string): Remotes {
  const root = objectOf(parseJson(text, { name: 'remotes.json', maxBytes: maxRemotesBytes }), 'remotes.json', ['remotes']);
  const entries = Object.entries(objectOf(root['remotes'] ?? {}, 'remotes', null)).map(([name, value]) => {
    const at = `remotes.${name}`;
    if (!/^[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(name)) throw bad(at, 'a name of small letters and digits');
    const { url } = objectOf(value, at, ['url']);
    if (typeof url !== 'string' || !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
      throw bad(`${at}.url`, 'an address such as https://images.example');
    return [name, { url: url.replace(/\/+$/, '') }] as const;
  });
  return { ...defaultRemotes, ...Object.fromEntries(entries) };
}

/** An image on a remote: `images:debian/12`. */
export interface RemoteName {
  readonly remote: string;
  readonly alias: string;
  readonly url: string;
}

/** Reads `images:debian/12`; null for what names none of the remotes. */
export function parseRemoteName(remotes: Remotes, text: string): RemoteName | null {
  const colon = text.indexOf(':');
  const [remote, alias] = [text.slice(0, Math.max(0, colon)), text.slice(colon + 1)];
  const found = Object.hasOwn(remotes, remote) ? remotes[remote] : undefined;
  return found === undefined || alias === '' ? null : { remote, alias, url: found.url };
}

/** The name that an image of a remote has here: `images:debian/12/cloud` is `images/debian:12-cloud`. */
export function localName({ remote, alias }: RemoteName): string {
  const parts = alias.toLowerCase().split('/');
  const [first = 'image', ...rest] = parts
    .map((part) => part.replaceAll(/[^a-z0-9]+/g, (odd) => (/^[._-]$/.test(odd) ? odd : '-')).replaceAll(/^[._-]+|[._-]+$/g, ''))
    .filter((part) => part !== '');
  return `${remote}/${first}:${rest.length === 0 ? 'latest' : rest.join('-').slice(0, 128)}`;
}

function objectOf(value: unknown, at: string, words: readonly string[] | null): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(at, 'an object');
  const unknown = Object.keys(value).find((word) => words?.includes(word) === false);
  if (unknown !== undefined) throw bad(`${at}.${unknown}`, `one of ${words?.join(', ') ?? ''}`);
  return value as Record<string, unknown>;
}

function bad(at: string, expected: string): OrlopError {
  return new OrlopError('invalid-argument', 'IMAGE_BAD_REMOTES', `${at.slice(0, 200)}: expected ${expected}`);
}
