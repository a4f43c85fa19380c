import { isOrlopError } from '#errors';
import type { EngineContext } from '../context.ts';
import { runsWithItsHost } from '../recover.ts';
import { isActive, type ContainerRecord } from './record.ts';
import { planLevels } from './restart.ts';
import { stopContainer } from './stop.ts';

/** Stops all that runs, in the opposite of the order in which it is started. Written down of each before its signal: killed in between, the next engine starts those again. */
export async function shutDown(context: EngineContext): Promise<readonly string[]> {
  const running = context.table.all().filter(({ record }) => isActive(record.state.status) || record.state.status === 'restarting');
  const failed: string[] = [];
  for (const { containers } of planLevels(running.map(({ record }) => record)).toReversed()) {
    await Promise.all(
      containers.map(async (record) => {
        const { id, name } = record;
        try {
          await stopContainer(context, id, { comesBack: comesBackAfterShutdown(record) });
        } catch (error) {
          if (isOrlopError(error, 'not-found')) return;
          context.logger.error('a container could not be stopped', { container: name, error });
          failed.push(name);
        }
      }),
    );
  }
  return failed;
}

/** Whether the next engine starts it again: a machine does as its host, an app as its policy says. Pure. */
export function comesBackAfterShutdown(record: Pick<ContainerRecord, 'kind' | 'request' | 'state'>): boolean {
  const { request } = record;
  if (request.autoRemove === true) return false;
  return runsWithItsHost(record) || (request.restartPolicy?.name ?? 'no') !== 'no' || request.settings?.['boot.autostart'] === 'true';
}
