import { existsSync } from 'node:fs';
import type { Dedupe } from '#wire';
import type { EngineContext } from '../context.ts';

/** Has equal files of all layers and of these containers (null: of all), running or not, share their blocks on disk. not-found for a name that is none; failed-precondition where the file system cannot. */
export async function dedupe(context: EngineContext, refs: readonly string[] | null, signal?: AbortSignal): Promise<Dedupe> {
  const { store, table } = context;
  const meant = refs === null ? table.all() : refs.map((ref) => table.find(ref));
  const isApart = (id: string): boolean => !existsSync(store.containerDirectory(id, 'upper'));
  const together = meant.filter(({ record }) => !isApart(record.id));
  const shared = await store.shareFiles({
    containers: together.map(({ record }) => record.id),
    ...(signal === undefined ? {} : { signal }),
  });
  return { ...shared, apart: meant.filter((container) => !together.includes(container)).map(({ record }) => record.name) };
}
