import { OrlopError } from '#errors';
import { isActive } from '../container/record.ts';
import { saveRecord, type EngineContext } from '../context.ts';
import { refreshNames } from './attachment.ts';

/**
 * Takes a link away by what it calls the other container, `web/alias`; both containers stay, and so do variables of what runs. Fails in Docker's words: not-found where there is no
 * such link, conflict for a name that is the container's own.
 */
export async function removeLink(context: EngineContext, ref: string): Promise<void> {
  const { id } = context.table.find(ref).record;
  const [owner, alias] = ref.replace(/^\//, '').split('/');
  if (owner === undefined || alias === undefined)
    throw new OrlopError('conflict', 'ENGINE_OWN_NAME', 'Conflict, cannot remove the default link name of the container', {
      hint: 'name the link: orlop rm --link CONTAINER/ALIAS',
    });
  const linker = context.table.find(owner);
  await context.queues.run(linker.record.id, async () => {
    const { links = [], ...record } = linker.record;
    const left = links.filter((link) => link.id !== id || link.alias !== alias);
    saveRecord(context, linker, { ...record, ...(left.length === 0 ? {} : { links: left }) });
    if (isActive(linker.record.state.status)) await refreshNames(context, linker, [alias]);
  });
}
