import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { isErrno } from '#errors';
import type { SpecMount } from '#oci';
import { type Addon, inInitialUsers, isAlive, openNamespace, type Plan, type SpawnedMonitor, spawnMonitor } from '#sys';
import { detectCgroupLayout } from '../cgroups/layout.ts';
import type { Cgroup } from '../cgroups/types.ts';
import { planSandbox, type SandboxRequest } from '../plan/sandbox.ts';
import type { Skeleton } from '../plan/skeleton.ts';
import type { Planned } from '../plan/slots.ts';
import { explainFailure } from './failure.ts';
import { translateId } from './id-map.ts';
import type { IdMap, NamespaceRequest, Sandbox, SandboxOptions } from './types.ts';

/**
 * Makes a process that waits in its namespaces and cgroup to become a container. Fails with what planSandbox and explainFailure say; nothing is left then.
 * Disposing it ends the process and waits until it is gone, unless the process has been given to a container (`startContainer`).
 */
export async function openSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { idMap = null, cgroup = null } = options;
  using birthplace = openBirthplace(cgroup);
  const planned = planSandbox(requestOf(options, birthplace.descriptor));
  const { addon, bosun, namespaces, skeleton = null } = options;
  return parkProcess(planned, { addon, bosun, namespaces, idMap, cgroup, skeleton });
}

/** What planSandbox needs to know of the options. */
export function requestOf(options: Omit<SandboxOptions, 'addon' | 'bosun'>, birthplace: number | null): SandboxRequest {
  return {
    namespaces: options.namespaces,
    idMap: options.idMap ?? null,
    taskFiles: options.cgroup?.taskFiles ?? [],
    birthplace,
    oomScoreAdjust: options.oomScoreAdjust ?? null,
    timeOffsets: options.timeOffsets ?? null,
    furnishing:
      options.skeleton === undefined ? null : { skeleton: options.skeleton, facts: furnishFacts(options.skeleton, options.cgroup) },
  };
}

function furnishFacts(skeleton: Skeleton, cgroup: Cgroup | undefined) {
  return {
    cgroups: hasCgroupMount(skeleton.mounts) ? (cgroup?.layout ?? detectCgroupLayout()) : null,
    cgroupPath: cgroup?.path ?? null,
    hostHasKcore: existsSync('/proc/kcore'),
    mayMakeNodes: inInitialUsers(),
  };
}

/** Only then must it be known how the host has its cgroups mounted. */
export function hasCgroupMount(mounts: readonly SpecMount[]): boolean {
  return mounts.some((mount) => mount.type === 'cgroup');
}

/** Where there is a cgroup2, a process is born in its directory (CLONE_INTO_CGROUP), which spares the kernel a move and us its wait. */
export function openBirthplace(
  cgroup: Cgroup | null,
  directory = cgroup?.unifiedDirectory ?? null,
): Disposable & { readonly descriptor: number | null } {
  if (directory === null) return { descriptor: null, [Symbol.dispose]: () => {} };
  const descriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  return { descriptor, [Symbol.dispose]: () => closeSync(descriptor) };
}

export interface Parking {
  readonly addon: Addon;
  readonly bosun: string;
  readonly namespaces: readonly NamespaceRequest[];
  readonly idMap: IdMap | null;
  readonly cgroup: Cgroup | null;
  readonly skeleton: Skeleton | null;
}

export async function parkProcess(planned: Planned<Plan>, parking: Parking): Promise<Sandbox> {
  const connection = spawnMonitor({ addon: parking.addon, bosun: parking.bosun });
  try {
    const { pid } = await connection.sandbox(planned.plan, planned.descriptors);
    return createSandbox(pid, connection, parking);
  } catch (error) {
    connection.close();
    throw explainFailure(error, planned.plan);
  }
}

function createSandbox(pid: number, connection: SpawnedMonitor, { addon, namespaces, idMap, cgroup, skeleton }: Parking): Sandbox {
  let ended = false;
  let given = false;
  const end = (): void => {
    ended = true;
  };
  connection.exited.then(end, end);
  return {
    pid,
    monitor: { pid: connection.pid },
    connection,
    namespaces,
    idMap,
    cgroup,
    skeleton,
    addon,
    isAlive: () => !ended,
    openNamespace: (name) => openNamespace(pid, name),
    hostUid: (uid) => (idMap === null ? uid : translateId(uid, idMap.uids)),
    hostGid: (gid) => (idMap === null ? gid : translateId(gid, idMap.gids)),
    release() {
      given = true;
    },
    async [Symbol.asyncDispose]() {
      if (given) return;
      given = true;
      await endParked(addon, pid, ended, connection);
    },
  };
}

/** The monitor kills its process when we hang up before it runs. Our watch on the process makes "ended" certain, so that its cgroup is free. */
async function endParked(addon: Addon, pid: number, ended: boolean, connection: SpawnedMonitor): Promise<void> {
  const watch = ended || !isAlive(pid) ? null : openWatch(addon, pid);
  connection.close();
  if (watch === null) return;
  await new Promise<void>((resolve) => {
    addon.whenReadable(watch, true, resolve);
  });
  addon.close(watch);
}

function openWatch(addon: Addon, pid: number): number | null {
  try {
    return addon.pidfdOpen(pid);
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return null;
    throw error;
  }
}
