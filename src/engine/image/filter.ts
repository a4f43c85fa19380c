import { OrlopError } from '#errors';
import { parseDuration, parseTime } from '#wire';
import type { ImageView } from '../model.ts';

/** What filters that compare times ask for. */
export interface ImageTimes {
  /** When an image was made and then when it came here, which tells apart those that were made at once; not-found when it is not here. */
  momentsOf(ref: string): readonly [madeNs: bigint, hereNs: bigint];
  readonly nowNs: bigint;
}

/** Docker's `images` filters; newest first. Of an image that is asked for by reference only the names that fit are shown. */
export function filterImages(
  views: readonly ImageView[],
  { reference, ...filters }: Readonly<Record<string, readonly string[]>>,
  times: ImageTimes,
): ImageView[] {
  const predicates = Object.entries(filters).map(([name, values]) => predicateOf(name, values, times));
  const patterns = reference?.map(referencePattern);
  return views
    .filter((view) => predicates.every((holds) => holds(view)))
    .flatMap((view) => (patterns === undefined ? [view] : withNames(view, patterns)))
    .sort((a, b) => (a.createdAtNs < b.createdAtNs ? 1 : -1));
}

function withNames(view: ImageView, patterns: readonly RegExp[]): ImageView[] {
  const fits = (name: string): boolean => patterns.some((pattern) => pattern.test(name));
  const names = view.names.filter(fits);
  const repositories = new Set(names.map((name) => name.slice(0, name.lastIndexOf(':'))));
  const digests = view.digests.filter((digest) => repositories.has(digest.split('@')[0] ?? ''));
  return names.length === 0 ? [] : [{ ...view, names, digests }];
}

function predicateOf(name: string, values: readonly string[], times: ImageTimes): (view: ImageView) => boolean {
  switch (name) {
    case 'before':
    case 'since': {
      const others = values.map((ref) => times.momentsOf(ref));
      return ({ id }) => {
        const own = times.momentsOf(id);
        return others.every((other) => (name === 'before' ? isEarlier(own, other) : isEarlier(other, own)));
      };
    }
    case 'until': {
      const moments = values.map((text) => momentOf(text, times.nowNs));
      return ({ createdAtNs }) => moments.every((moment) => createdAtNs < moment);
    }
    case 'label':
      return (view) => values.every((value) => hasLabel(view.labels, value));
    case 'dangling':
      return (view) => values.some((value) => (value === 'true' || value === '1') === (view.names.length === 0));
    case 'kind':
      return (view) => values.includes(view.kind);
    default:
      throw new OrlopError('invalid-argument', 'ENGINE_FILTER_UNKNOWN', `invalid filter '${name}'`, {
        hint: 'filters are: before, dangling, kind, label, reference, since, until',
      });
  }
}

function isEarlier(one: readonly [bigint, bigint], other: readonly [bigint, bigint]): boolean {
  return one[0] < other[0] || (one[0] === other[0] && one[1] < other[1]);
}

/** A time, or how long ago: `24h`. */
function momentOf(text: string, nowNs: bigint): bigint {
  const age = parseDuration(text);
  return age === null ? parseTime(text) : nowNs - age;
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const at = wanted.indexOf('=');
  const name = at < 0 ? wanted : wanted.slice(0, at);
  return Object.hasOwn(labels, name) && (at < 0 || labels[name] === wanted.slice(at + 1));
}

/** A pattern without tag matches every tag. */
function referencePattern(text: string): RegExp {
  const tagged = text.includes(':', text.lastIndexOf('/') + 1);
  try {
    return new RegExp(`^${globSource(text)}${tagged ? '' : '(:[^/]*)?'}$`);
  } catch (cause) {
    throw new OrlopError('invalid-argument', 'ENGINE_FILTER_INVALID', `invalid filter 'reference=${text}'`, {
      hint: 'patterns are *, ? and [a-z]',
      cause,
    });
  }
}

/** A pattern of Go's path.Match, as Docker takes it: `*`, `?` and `[…]` match within a path component. */
function globSource(pattern: string): string {
  return pattern.replaceAll(/\*+|\[(\^?)([^\]/]+)\]|[^*]/g, (token: string, not: string | undefined, set: string | undefined) => {
    if (token.startsWith('*')) return '[^/]*';
    if (token === '?') return '[^/]';
    return set === undefined ? token.replace(/[.+^${}()|[\]\\]/, '\\$&') : `[${not}${set.replaceAll(/[\\^[]/g, '\\$&')}]`;
  });
}
