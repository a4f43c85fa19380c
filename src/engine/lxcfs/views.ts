import { OrlopError } from '#errors';
import { changeMounts } from '#runtime';
import {
  AT_EMPTY_PATH,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  OPEN_TREE_CLONE,
  readMountinfo,
} from '#sys';
import { isActive, type ContainerRecord } from '../container/record.ts';
import { runningPlace } from '../container/running-place.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import { staleReports, wantsReports } from './reports.ts';

type Borrow = (descriptor: number) => number;

/**
 * lxcfs' reports for a container that is about to start, by place; none for one that sees the host's. Failed-precondition `ENGINE_NO_LXCFS` or unavailable
 * `ENGINE_LXCFS_FAILED` where the container insists on them; a machine that does not starts without them, with a warning in the log.
 */
export async function openReports(
  context: EngineContext,
  record: ContainerRecord,
  { ownUsers, borrow }: { readonly ownUsers: boolean; readonly borrow: Borrow },
): Promise<Map<string, number>> {
  const wants = wantsReports(record);
  if (wants === 'no' || (wants === 'if-possible' && !context.lxcfs.isInstalled)) return new Map();
  if (!context.lxcfs.isInstalled)
    throw new OrlopError('failed-precondition', 'ENGINE_NO_LXCFS', `${record.name} cannot be shown its limits: lxcfs is not installed`, {
      hint: `install the package lxcfs and restart the engine, or: orlop set ${record.name} limits.visible=false`,
    });
  try {
    const { places } = await context.lxcfs.open();
    return openAll(context, ownUsers, { places, borrow });
  } catch (error) {
    if (wants === 'yes') throw error;
    context.logger.warn('a machine starts without a view of its limits', { container: record.name, error });
    return new Map();
  }
}

/**
 * Nobody may write to what lxcfs passes on to the host's kernel, with all rights in the container either: the mounts are locked as they are (mount_namespaces(7)). Nothing here asks lxcfs,
 * which might not answer.
 */
function openAll(
  { addon }: EngineContext,
  ownUsers: boolean,
  { places, borrow }: { readonly places: ReadonlyMap<string, number>; readonly borrow: Borrow },
): Map<string, number> {
  const attributes = BigInt(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  const opened = [...places.values()].map((place) => {
    const mount = borrow(addon.openTree(place, '', AT_EMPTY_PATH | OPEN_TREE_CLONE));
    addon.mountSetattr(mount, '', AT_EMPTY_PATH, attributes, 0n, 0n, -1);
    return mount;
  });
  const locked = ownUsers ? addon.lockMounts(opened).map(borrow) : opened;
  return new Map([...places.keys()].map((place, index) => [place, locked[index] ?? -1]));
}

/** Gives running containers the reports of the lxcfs that runs in place of those of one that is gone. What fails is logged. */
export async function renewReports(context: EngineContext): Promise<void> {
  for (const container of context.table.all()) {
    await context.queues.run(container.record.id, () =>
      renewOne(context, container).catch((error: unknown) =>
        context.logger.warn('a container does not see its limits', { container: container.record.name, error }),
      ),
    );
  }
}

async function renewOne(context: EngineContext, container: LiveContainer): Promise<void> {
  const { record } = container;
  if (!isActive(record.state.status) || record.state.pid <= 0) return;
  const mounts = readMountinfo(record.state.pid);
  if (staleReports(mounts, context.lxcfs.server?.device ?? null).length === 0) return;
  const place = runningPlace(context, record);
  const server = await context.lxcfs.open().catch(async (error: unknown) => {
    // The host's figures are better than errors.
    await changeMounts({ ...place, detach: staleReports(mounts, null), attach: [] });
    throw error;
  });
  const detach = staleReports(mounts, server.device);
  using opened = new DisposableStack();
  const borrow: Borrow = (descriptor) => {
    opened.defer(() => context.addon.close(descriptor));
    return descriptor;
  };
  const places = new Map([...server.places].filter(([report]) => detach.includes(report)));
  const attach = [...openAll(context, record.run?.idRange != null, { places, borrow })].map(
    ([target, mount]) => ({ mount, target, make: 'file' }) as const,
  );
  await changeMounts({ ...place, detach, attach });
}

/** Whether a running container shows what lxcfs reports. */
export function isShown({ table }: Pick<EngineContext, 'table'>): boolean {
  return table
    .all()
    .some(
      ({ record }) => isActive(record.state.status) && record.state.pid > 0 && staleReports(mountsOf(record.state.pid), null).length > 0,
    );
}

/** None of a process that has just ended. */
function mountsOf(pid: number): ReturnType<typeof readMountinfo> {
  try {
    return readMountinfo(pid);
  } catch {
    return [];
  }
}
