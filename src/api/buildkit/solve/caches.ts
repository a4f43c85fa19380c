import { OrlopError } from '#errors';
import type { CacheSource, CacheTarget } from '#wire';

/** `--cache-from` or `--cache-to` as BuildKit's clients send it. */
export interface CacheEntry {
  readonly type: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface CachePlan {
  readonly from: readonly CacheSource[];
  readonly to: readonly CacheTarget[];
  /** What is asked for and not used, for people. */
  readonly unused: readonly string[];
}

/** What BuildKit lets one choose and is so here anyway. */
const settled: Readonly<Record<string, readonly string[]>> = {
  'oci-mediatypes': ['true'],
  'image-manifest': ['true'],
  compression: ['zstd'],
  'force-compression': ['false'],
  'registry.insecure': ['false'],
};

/**
 * Where steps are found and left. Pure. A source that cannot be used is only a hint less, and said; a target that cannot is refused by name (unimplemented `BUILDKIT_REFUSED`): directories are the
 * client's, whose session would have to be read like a registry.
 */
export function planCaches({
  imports,
  exports,
}: {
  readonly imports: readonly CacheEntry[];
  readonly exports: readonly CacheEntry[];
}): CachePlan {
  const from: CacheSource[] = [];
  const unused: string[] = [];
  for (const { type, attributes } of imports) {
    const { ref = '' } = attributes;
    if (type === 'registry' && ref !== '') from.push({ kind: 'registry', reference: ref });
    else unused.push(`--cache-from type=${type}${ref === '' ? '' : `,ref=${ref}`}`);
  }
  return { from, unused, to: exports.map(targetOf) };
}

function targetOf({ type, attributes: { ref = '', mode = 'min', 'ignore-error': ignore = 'false', ...more } }: CacheEntry): CacheTarget {
  if ((type !== 'registry' && type !== 'inline') || (type === 'registry' && ref === ''))
    throw refused(`--cache-to type=${type}`, 'give type=registry,ref=… or type=inline; directories are for: orlop build');
  if (mode !== 'min' && mode !== 'max') throw refused(`--cache-to mode=${mode}`, 'give min or max');
  for (const [name, value] of Object.entries(more))
    if (settled[name]?.includes(value) !== true) throw refused(`--cache-to ${name}=${value}`, `leave ${name} out`);
  const how = { mode, ...(ignore === 'true' ? { ignoreErrors: true } : {}) } as const;
  if (type === 'registry') return { kind: 'registry', reference: ref, ...how };
  if (mode === 'max') throw refused('--cache-to type=inline,mode=max', 'an image has only its own steps: give mode=min');
  return { kind: 'inline', ...how };
}

function refused(what: string, hint: string): OrlopError {
  return new OrlopError('unimplemented', 'BUILDKIT_REFUSED', `${what} is not supported by this engine`, { hint });
}
