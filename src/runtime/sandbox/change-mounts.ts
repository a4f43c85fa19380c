import type { Addon, Op } from '#sys';
import { createSlots } from '../plan/slots.ts';
import { beginInTime, openExecSandbox } from './exec.ts';
import { explainFailure } from './failure.ts';
import type { IdMap } from './types.ts';

/** What is to be mounted: a detached mount (open_tree(2), fsmount(2)), or a tmpfs. Targets are looked up in the container's own root, as it sees them. */
export type NewMount =
  | { readonly mount: number; readonly target: string; readonly make: 'directory' | 'file' }
  | { readonly tmpfs: { readonly options: readonly string[]; readonly attributes: number }; readonly target: string };

export interface MountChange {
  readonly addon: Addon;
  readonly bosun: string;
  /** The container's first process. */
  readonly pid: number;
  /** Of its own user namespace; absent: it has none. */
  readonly idMap?: IdMap;
  readonly detach?: readonly string[];
  readonly attach?: readonly NewMount[];
}

const makes = { directory: 1, file: 2 } as const;

/**
 * Mounts and unmounts in the mount namespace of a running container: a stage of bosun joins it, with the rights of the container's root and no others, does so and ends. Mount points that
 * are missing are made. Fails with the op that did; what came before it stays.
 */
export async function changeMounts({ addon, bosun, pid, idMap, detach = [], attach = [] }: MountChange): Promise<void> {
  const names = idMap === undefined ? (['mnt'] as const) : (['user', 'mnt'] as const);
  await using sandbox = await openExecSandbox({ addon, bosun, pid, namespaces: names, ...(idMap === undefined ? {} : { idMap }) });
  const slots = createSlots();
  const none = 0xffff_ffff;
  const plan: Op[] = [
    { op: 'stdio', mode: 0, open_stdin: 0, stdin_once: 0, uid: 0, gid: 0, stdin: none, stdout: none, stderr: none },
    ...(idMap === undefined ? [] : [{ op: 'become', uid: 0, gid: 0 } as const]),
    ...detach.map((target): Op => ({ op: 'detach_mount', target })),
    ...attach.map((one): Op => {
      if ('mount' in one) return { op: 'attach_mount', mount: slots.add(one.mount), target: one.target, make: makes[one.make] };
      const { options, attributes } = one.tmpfs;
      return { op: 'mount', fstype: 'tmpfs', source: 'tmpfs', options, attributes, target: one.target, make: makes.directory };
    }),
    { op: 'finish' },
  ];
  try {
    await beginInTime(sandbox, { plan, descriptors: slots.descriptors });
    sandbox.release();
    await sandbox.connection.exited;
    sandbox.connection.close();
  } catch (error) {
    throw explainFailure(error, plan);
  }
}
