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
      return (view) => values.some((value) => view.names.some((candidate) => matchesReference(candidate, value)));
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

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const at = wanted.indexOf('=');
  const name = at < 0 ? wanted : wanted.slice(0, at);
  return Object.hasOwn(labels, name) && (at < 0 || labels[name] === wanted.slice(at + 1));
}

/** `*` and `?` match within a path component; a pattern without tag matches every tag. */
function matchesReference(name: string, pattern: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]');
  const tagged = pattern.includes(':', pattern.lastIndexOf('/') + 1);
  return new RegExp(`^${source}${tagged ? '' : '(:[^/]*)?'}$`).test(name);
}
