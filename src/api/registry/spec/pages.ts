import { refuse } from './errors.ts';

export interface Page {
  readonly entries: readonly string[];
  /** Whether there are more after these. */
  readonly more: boolean;
}

/** How many entries a page holds unless the client says, and at most. */
export const largestPage = 10_000;

/** Cuts a sorted list by the query's `n` and `last` (distribution-spec "Listing tags"). `last` need not exist. Fails with PAGINATION_NUMBER_INVALID. */
export function cutPage(sorted: readonly string[], query: URLSearchParams): Page {
  const asked = query.get('n');
  if (asked !== null && !/^\d{1,9}$/.test(asked)) throw refuse('PAGINATION_NUMBER_INVALID', 'n must be a number that is not negative');
  const count = asked === null ? largestPage : Math.min(Number(asked), largestPage);
  const last = query.get('last');
  const from = last === null || last === '' ? 0 : sorted.findIndex((one) => one > last);
  if (from < 0) return { entries: [], more: false };
  const entries = sorted.slice(from, from + count);
  return { entries, more: count > 0 && from + count < sorted.length };
}

/** The Link header to the page after this one (RFC 8288), or nothing. */
export function formatNextLink(path: string, { entries, more }: Page): Readonly<Record<string, string>> {
  const last = entries.at(-1);
  if (!more || last === undefined) return {};
  return { Link: `<${path}?n=${entries.length}&last=${encodeURIComponent(last)}>; rel="next"` };
}
