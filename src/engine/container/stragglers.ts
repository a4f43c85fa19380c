import { isErrno } from '#errors';
import { openCgroup } from '#runtime';
import type { EngineContext } from '../context.ts';
import { planNamespaces } from '../spec/namespaces.ts';
import type { LiveContainer } from './table.ts';

/**
 * In a PID namespace that is not its own, the end of a container's first process ends none of its others, as it does elsewhere: they would hold its output open, and its monitor
 * would wait for them. So they are ended as soon as it has, as other runtimes do. Disposing stops watching. Nothing to do for most containers.
 */
export function endStragglers(context: EngineContext, container: LiveContainer): Disposable {
  const { addon } = context;
  const { record } = container;
  const { shared, joined } = planNamespaces(record);
  const undo = new DisposableStack();
  if (record.run === null || !(shared.has('pid') || joined.has('pid'))) return undo;
  const cgroup = openCgroup(context.cgroups, record.run.cgroup);
  const end = (): void => {
    // What cannot be killed now is met again when the run is given back, which says so.
    cgroup.killAll().catch((error: unknown) => context.logger.debug('processes outlive their first', { container: record.name, error }));
  };
  try {
    const pidfd = undo.adopt(addon.pidfdOpen(record.state.pid), (descriptor) => addon.close(descriptor));
    const watch = addon.whenReadable(pidfd, false, end);
    undo.defer(() => watch.cancel());
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
    end();
  }
  return undo;
}
