import type { Process } from '#oci';
import type { Op, Plan } from '#sys';
import { planProcess, type ProcessFacts } from './process.ts';
import { rejectField } from './refuse.ts';
import { planStreams, planTerminal, type StreamFacts } from './standard-streams.ts';
import type { Planned } from './slots.ts';
import { planSurroundings, type Surroundings } from './surroundings.ts';

export interface ExecFacts extends StreamFacts, ProcessFacts {
  /** The container has a user namespace of its own, which the process has joined. */
  readonly userNamespace: boolean;
  readonly firstIds: { readonly uid: number; readonly gid: number };
  readonly surroundings: Surroundings;
}

/** One more process in a running container, whose namespaces and cgroup the sandbox has joined. Pure. */
export function planExec(process: Process, facts: ExecFacts): Planned<Plan> {
  if ((process.terminal === true) !== (facts.stdio.mode === 'terminal'))
    throw rejectField('process.terminal', 'does not agree with the streams given');
  const plan: Op[] = [
    ...planStreams(facts),
    ...(facts.userNamespace ? [{ op: 'become', ...facts.firstIds } as const] : []),
    ...planTerminal(facts.stdio, process.user ?? { uid: 0, gid: 0 }, facts.slots, false),
    ...planSurroundings(facts.surroundings, process.execCPUAffinity),
    ...planProcess(process, facts, 'process'),
  ];
  return { plan, descriptors: facts.slots.descriptors };
}
