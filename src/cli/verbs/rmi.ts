import type { Client } from '#client';
import { isOrlopError } from '#errors';
import type { Verb } from '../invocation.ts';
import { forEach } from './each.ts';

export const rmi: Verb = async (invocation) => {
  const engine = await invocation.client();
  return forEach(invocation, async (name) => {
    const gone = await removed(engine, name, invocation.args.flag('force'));
    const lines = gone.map((entry) => ('Untagged' in entry ? `Untagged: ${entry.Untagged}` : `Deleted: ${entry.Deleted}`));
    return { text: lines.length === 0 ? null : lines.join('\n'), data: { Removed: gone } };
  });
};

/** By force, an image that is not there is as good as removed. */
async function removed(engine: Client, name: string, force: boolean): ReturnType<Client['images']['remove']> {
  try {
    return await engine.images.remove(name, { force });
  } catch (error) {
    if (force && isOrlopError(error, 'not-found')) return [];
    throw error;
  }
}
