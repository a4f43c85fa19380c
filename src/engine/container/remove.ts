import { OrlopError } from '#errors';
import { passState, publishContainerEvent, type EngineContext } from '../context.ts';
import { refreshLinkers } from '../network/attachment.ts';
import { closeDoor } from '../on-demand/door.ts';
import { collectLeftLayers } from '../snapshot/collect.ts';
import { removeAnonymousVolumes } from '../volume/anonymous.ts';
import { isActive, type ContainerRecord } from './record.ts';
import { giveUpRestart } from './restart.ts';
import { endNow } from './stop.ts';
import { notify, type LiveContainer } from './table.ts';

/** Removes a container; a running one only by force, which kills it first. */
export async function removeContainer(context: EngineContext, ref: string, options: { force?: boolean; volumes?: boolean }): Promise<void> {
  const container = context.table.find(ref);
  const force = options.force === true;
  checkProtection(container.record);
  while (!(await removeIfEnded(context, container, { force, volumes: options.volumes === true }))) {
    if (!force) throw isRunning(container.record);
    await endNow(context, container);
  }
}

/** By force as well: whoever protects a container does not want it to go by mistake. What removes itself at its end is not asked here. */
export function checkProtection({ name, request }: ContainerRecord): void {
  if (request.settings?.['security.protection.delete'] !== 'true') return;
  throw new OrlopError('failed-precondition', 'ENGINE_CONTAINER_PROTECTED', `container ${name} is protected against removal`, {
    hint: `lift that with: orlop set ${name} security.protection.delete=false`,
  });
}

/** false: it has a process, perhaps from a start that was under way before. */
function removeIfEnded(
  context: EngineContext,
  container: LiveContainer,
  { force, volumes }: { force: boolean; volumes: boolean },
): Promise<boolean> {
  const { id } = container.record;
  return context.queues.run(id, async () => {
    if (isActive(container.record.state.status) || (container.record.state.status === 'restarting' && !force)) return false;
    giveUpRestart(context, container);
    // An auto-removed container may be gone by the time its end is settled.
    if (context.table.get(id) === container) await removeWhole(context, container, volumes);
    return true;
  });
}

function isRunning({ name, state }: ContainerRecord): OrlopError {
  const advice =
    state.status === 'paused'
      ? 'container is paused and must be unpaused first'
      : `container is ${state.status === 'restarting' ? 'restarting' : 'running'}: stop the container before removing or force remove`;
  return new OrlopError('conflict', 'ENGINE_CONTAINER_RUNNING', `cannot remove container "/${name}": ${advice}`, {
    hint: `remove it by force with: orlop rm -f ${name}`,
  });
}

/**
 * Takes away all of a container that is not running, with `volumes` also those that were made for it without a name, as for one that goes at its end. Inside the
 * container's queue. Can be repeated after a crash at any step.
 */
export async function removeWhole(context: EngineContext, container: LiveContainer, volumes = false): Promise<void> {
  const { id } = container.record;
  passState(context, container, { status: 'removing', ...(volumes ? { removesVolumes: true } : {}) });
  for (const client of container.waitingClients.splice(0)) context.addon.close(client.socket);
  await closeDoor(context, container);
  await container.packer?.close();
  container.packer = null;
  await context.networks.release(id);
  await context.store.snapshots.remove(id);
  const { state, request } = container.record;
  if (state.removesVolumes === true || request.autoRemove === true) await removeAnonymousVolumes(context, container.record);
  const leavesLayers = container.record.chain !== undefined || context.store.metadata.snapshots.ofContainer(id).length > 0;
  context.store.metadata.containers.remove(id);
  context.table.drop(id);
  if (leavesLayers) collectLeftLayers(context);
  publishContainerEvent(context, container, 'destroy');
  void refreshLinkers(context, container.record);
  notify(container.onExit);
  notify(container.onRemove);
}
