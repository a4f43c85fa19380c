import type { ContainerRecord } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import { joinedId } from '../spec/namespaces.ts';

/** The container at the end of the chain of shared networks, whose places and files in /etc these are; null: its own, or nobody's any more. */
export function networkOwner(context: Pick<EngineContext, 'table'>, record: ContainerRecord): LiveContainer | null {
  const seen = new Set<string>();
  let owner: LiveContainer | null = null;
  for (let id = joinedId(record.network); id !== null; id = joinedId(owner.record.network)) {
    const next = context.table.get(id);
    if (next === undefined || seen.has(id)) return null;
    seen.add(id);
    owner = next;
  }
  return owner;
}

/** Whose files are bound over those in a container's /etc; null: its own. A machine's are its own business. */
export function hostFilesOwner(context: Pick<EngineContext, 'table'>, record: ContainerRecord): LiveContainer | null {
  const owner = networkOwner(context, record);
  return owner?.record.kind === 'app' ? owner : null;
}
