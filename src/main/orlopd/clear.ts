import type { Engine } from '#engine';
import { isOrlopError } from '#errors';
import type { Logger } from '#log';

/** Removes all containers of an engine, running or not, with their unnamed volumes, and then its networks. What cannot be removed is logged and stays. */
export async function clearEngine({ containers, networks }: Engine, logger: Logger): Promise<void> {
  const attempt = async (name: string, removal: Promise<void>): Promise<void> => {
    try {
      await removal;
    } catch (error) {
      if (!isOrlopError(error, 'not-found')) logger.error('something stays at the end', { name, error });
    }
  };
  const doomed = containers.list({ all: true });
  await Promise.all(doomed.map(({ id, name }) => attempt(name, containers.remove(id, { force: true, volumes: true }))));
  const made = networks.list({}).filter(({ isBuiltIn }) => !isBuiltIn);
  await Promise.all(made.map(({ id, name }) => attempt(name, networks.remove(id))));
}
