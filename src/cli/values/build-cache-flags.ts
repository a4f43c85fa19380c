import { resolve } from 'node:path';
import { OrlopError } from '#errors';
import type { CacheSource, CacheTarget } from '#wire';
import { usageError } from '../arguments/usage-error.ts';
import { fieldsOf } from './build-fields.ts';

/** `--cache-from`: a reference, or `type=registry,ref=…`, `type=local,src=…`. */
export function readCacheSource(entry: string): CacheSource {
  if (!entry.includes('=')) return { kind: 'registry', reference: entry };
  const { type = 'registry', ref, src, tag } = fieldsOf('cache-from', entry, ['type', 'ref', 'src', 'tag']);
  if (type === 'registry') return { kind: 'registry', reference: required('cache-from', entry, 'ref', ref) };
  if (type !== 'local') throw noSuchCache('cache-from', type, 'registry or local');
  return { kind: 'local', directory: resolve(required('cache-from', entry, 'src', src)), ...(tag === undefined ? {} : { tag }) };
}

/** What BuildKit lets one choose and is so here anyway. */
const settled: Readonly<Record<string, string>> = { 'oci-mediatypes': 'true', 'image-manifest': 'true', compression: 'zstd' };

/** `--cache-to`: a reference, or `type=registry,ref=…`, `type=local,dest=…`, `type=inline`; with `mode=max`, `ignore-error=true`. */
export function readCacheTarget(entry: string): CacheTarget {
  if (!entry.includes('=')) return { kind: 'registry', reference: entry, mode: 'min' };
  const known = ['type', 'ref', 'dest', 'tag', 'mode', 'ignore-error', ...Object.keys(settled)];
  const { type = 'registry', ref, dest, tag, mode = 'min', 'ignore-error': ignore = 'false', ...more } = fieldsOf('cache-to', entry, known);
  if (mode !== 'min' && mode !== 'max') throw wrong('cache-to', entry, 'the mode is min or max');
  if (!['true', 'false'].includes(ignore)) throw wrong('cache-to', entry, 'ignore-error is true or false');
  for (const [name, value] of Object.entries(more))
    if (value !== settled[name])
      throw new OrlopError('unimplemented', 'CLI_BUILD_CACHE', `--cache-to ${name}=${value} is not supported`, { hint: 'leave it out' });
  const how = { mode, ...(ignore === 'true' ? { ignoreErrors: true } : {}) } as const;
  if (type === 'inline') {
    if (mode === 'max') throw wrong('cache-to', entry, 'an image has only its own steps: mode=min');
    return { kind: 'inline', ...how };
  }
  if (type === 'registry') return { kind: 'registry', reference: required('cache-to', entry, 'ref', ref), ...how };
  if (type !== 'local') throw noSuchCache('cache-to', type, 'registry, local or inline');
  return { kind: 'local', directory: resolve(required('cache-to', entry, 'dest', dest)), ...(tag === undefined ? {} : { tag }), ...how };
}

function required(flag: string, entry: string, name: string, value: string | undefined): string {
  if (value === undefined || value === '') throw wrong(flag, entry, `it needs ${name}=…`);
  return value;
}

function wrong(flag: string, entry: string, why: string): OrlopError {
  return usageError(`invalid argument ${JSON.stringify(entry)} for "--${flag}" flag: ${why}`);
}

function noSuchCache(flag: string, type: string, there: string): OrlopError {
  return new OrlopError('unimplemented', 'CLI_BUILD_CACHE', `--${flag} type=${type} is not supported`, { hint: `the type is ${there}` });
}
