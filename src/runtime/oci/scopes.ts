import type { Spec } from '#oci';
import type { Cgroup } from '../cgroups/types.ts';
import { parseScopeName, planAnnotatedProperties, requireSystemd, startScope, stopScope } from '../systemd/index.ts';
import type { RuntimeContext } from './context.ts';

/** A scope of systemd's that will hold a container. */
export interface ScopePlace {
  readonly unit: string;
  /** Has systemd make it around the process, with the spec's limits; undoing ends and forgets it. */
  enter(pid: number, undo: AsyncDisposableStack): Promise<Cgroup>;
}

/**
 * What --systemd-cgroup means for this container; null without it. Fails with `RUNTIME_NO_SYSTEMD`, or names
 * linux.cgroupsPath, before anything is made.
 */
export async function findScopePlace(context: RuntimeContext, spec: Spec, id: string): Promise<ScopePlace | null> {
  if (!context.systemdCgroup) return null;
  const name = parseScopeName(spec.linux?.cgroupsPath ?? '', id);
  planAnnotatedProperties(spec.annotations ?? {});
  requireSystemd();
  const resources = spec.linux?.resources ?? {};
  return {
    unit: name.unit,
    async enter(pid, undo) {
      const cgroup = await startScope(context.cgroups(), { id, name, pid, resources, annotations: spec.annotations ?? {} });
      undo.defer(async () => {
        await cgroup.killAll();
        await stopScope(name.unit);
        await cgroup.remove();
      });
      return cgroup;
    },
  };
}

/** Ends and forgets a container's unit, if it has one. */
export async function leaveScope(unit: string | undefined): Promise<void> {
  if (unit === undefined) return;
  await stopScope(unit);
}
