import { refuse } from './errors.ts';
import { parseRepositoryName, type RepositoryName } from './names.ts';

/** What a path names. References, digests and ids are as they came, decoded but not yet checked. */
export type Target =
  | { readonly kind: 'base' }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'metrics' }
  | { readonly kind: 'uploads'; readonly name: RepositoryName }
  | { readonly kind: 'tags'; readonly name: RepositoryName }
  | { readonly kind: NounKind; readonly name: RepositoryName; readonly rest: string };

type NounKind = 'upload' | 'blob' | 'manifest' | 'referrers';

/** The last words decide: a repository may well be called `blobs/uploads`. */
const nouns: readonly (readonly [NounKind | 'uploads' | 'tags', RegExp])[] = [
  ['uploads', /^(.+)\/blobs\/uploads\/?$/],
  ['upload', /^(.+)\/blobs\/uploads\/([^/]+)$/],
  ['blob', /^(.+)\/blobs\/([^/]+)$/],
  ['manifest', /^(.+)\/manifests\/([^/]+)$/],
  ['referrers', /^(.+)\/referrers\/([^/]+)$/],
  ['tags', /^(.+)\/tags\/list$/],
];

/** Null when the path names nothing that the distribution spec knows. Fails with NAME_INVALID for a bad repository name or bad escapes. */
export function parseTarget(path: string): Target | null {
  if (path === '/v2' || path === '/v2/') return { kind: 'base' };
  if (path === '/v2/_catalog') return { kind: 'catalog' };
  if (path === '/metrics') return { kind: 'metrics' };
  if (!path.startsWith('/v2/')) return null;
  const decoded = decode(path.slice('/v2/'.length));
  for (const [kind, pattern] of nouns) {
    const match = pattern.exec(decoded);
    if (match === null) continue;
    const name = parseRepositoryName(match[1] ?? '');
    return kind === 'uploads' || kind === 'tags' ? { kind, name } : { kind, name, rest: match[2] ?? '' };
  }
  return null;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw refuse('NAME_INVALID', 'the path has bad percent-escapes', { cause });
  }
}
