import { OrlopError } from '#errors';
import type { Exchange } from '#api/http';
import { parseDuration, parseTime, type PruneFilter } from '#wire';

/** The filters of the `prune` calls: `until`, `label`, `label!`, and what one of them knows `more`. */
export function decodePruneFilter(
  exchange: Exchange,
  more: readonly string[],
): { readonly filter: PruneFilter; readonly others: Readonly<Record<string, readonly string[]>> } {
  const { until, label, 'label!': notLabel, ...others } = exchange.query.filters();
  const unknown = Object.keys(others).find((name) => !more.includes(name));
  if (unknown !== undefined) throw new OrlopError('invalid-argument', 'DOCKER_BAD_FILTER', `invalid filter '${unknown}'`);
  const moment = until?.[0];
  const filter: PruneFilter = {
    ...(moment === undefined ? {} : { beforeNs: momentOf(moment) }),
    ...(label === undefined ? {} : { labels: label }),
    ...(notLabel === undefined ? {} : { notLabels: notLabel }),
  };
  return { filter, others };
}

/** A time, or how long ago: `24h`. */
function momentOf(text: string): bigint {
  const age = parseDuration(text);
  return age === null ? parseTime(text) : BigInt(Date.now()) * 1_000_000n - age;
}
