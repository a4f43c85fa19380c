import { OrlopError } from '#errors';
import type { ImageView } from '../model.ts';

/** Docker's `images` filters that names and labels can answer; newest first. */
export function filterImages(views: readonly ImageView[], filters: Readonly<Record<string, readonly string[]>>): ImageView[] {
  const predicates = Object.entries(filters).map(([name, values]) => predicateOf(name, values));
  return views.filter((view) => predicates.every((holds) => holds(view))).sort((a, b) => (a.createdAtNs < b.createdAtNs ? 1 : -1));
}

function predicateOf(name: string, values: readonly string[]): (view: ImageView) => boolean {
  switch (name) {
    case 'reference':
      return namedLike(values.map(referencePattern));
    case 'label':
      return (view) => values.every((value) => hasLabel(view.labels, value));
    case 'dangling':
      return (view) => values.some((value) => (value === 'true' || value === '1') === (view.names.length === 0));
    case 'kind':
      return (view) => values.includes(view.kind);
    default:
      throw new OrlopError('invalid-argument', 'ENGINE_FILTER_UNKNOWN', `invalid filter '${name}'`, {
        hint: 'filters are: dangling, kind, label, reference',
      });
  }
}

function namedLike(patterns: readonly RegExp[]): (view: ImageView) => boolean {
  return (view) => patterns.some((pattern) => view.names.some((name) => pattern.test(name)));
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
