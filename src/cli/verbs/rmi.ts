import type { Verb } from '../invocation.ts';
import { forEach } from './each.ts';

export const rmi: Verb = async (invocation) => {
  const engine = await invocation.client();
  return forEach(invocation, async (name) => {
    const gone = await engine.images.remove(name, { force: invocation.args.flag('force') });
    const lines = gone.map((entry) => ('Untagged' in entry ? `Untagged: ${entry.Untagged}` : `Deleted: ${entry.Deleted}`));
    return { text: lines.length === 0 ? null : lines.join('\n'), data: { Removed: gone } };
  });
};
