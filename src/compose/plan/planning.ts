import type { Project } from '../model/project.ts';
import { containerName } from './container-body.ts';
import type { Observed, ObservedContainer } from './observed.ts';
import type { Step } from './steps.ts';

export interface UpOptions {
  /** Of the services that are asked for; those that they only depend on are let be where they run. */
  readonly forceRecreate?: boolean;
  /** Also of those that the services that are asked for depend on. */
  readonly recreateDependencies?: boolean;
  /** Services that are asked for; none: all. */
  readonly named?: readonly string[];
  readonly noRecreate?: boolean;
  readonly removeOrphans?: boolean;
  readonly renewVolumes?: boolean;
  /** Volumes whose settings changed are replaced, and what they hold is lost. */
  readonly replaceVolumes?: boolean;
  /** False: only create. */
  readonly start?: boolean;
  readonly dependencies?: boolean;
  /** Numbers of containers in place of those that the files say. */
  readonly scale?: Readonly<Record<string, number>>;
  /** What containers replace stays until all is well. */
  readonly keepReplaced?: boolean;
  /** Of the image that each service is to run; absent where it is not known. */
  readonly imageIds?: Readonly<Record<string, string>>;
}

/** A plan in the making. */
export interface Planning {
  readonly project: Project;
  readonly observed: Observed;
  readonly options: UpOptions;
  readonly steps: Step[];
  readonly warnings: string[];
  readonly unchanged: string[];
  /** Steps that stand for a service's containers being created and started, by service. */
  readonly started: Map<string, readonly string[]>;
  readonly names: Map<string, readonly string[]>;
  readonly recreated: Set<string>;
  /** Steps of what all containers need: networks and volumes. */
  readonly ground: readonly string[];
  readonly displaced: ReadonlySet<ObservedContainer>;
}

interface NewContainer {
  readonly service: string;
  readonly number: number;
  /** What must be done before it starts. */
  readonly gate: readonly string[];
  /** What must be done before it is made. */
  readonly before?: readonly string[];
  readonly inherited?: ObservedContainer['anonymous'];
  /** It takes the place of another: the service's `update_config` is heeded when it fails. */
  readonly updates?: boolean;
  /** To people it is the container that it replaces, made anew. */
  readonly replaces?: boolean;
}

/** The steps that make a container and start it; answers the id of the last. */
export function planNew(
  planning: Planning,
  { service, number, gate, before = [], inherited = {}, updates = false, replaces = false }: NewContainer,
): string {
  const name = containerName(planning.project, service, number);
  const create = `create:${name}`;
  const subject = `Container ${name}`;
  planning.steps.push({
    id: create,
    after: [...planning.ground, ...namespacesOf(service, planning), ...before],
    subject,
    act: { kind: 'create', service, number, name, inherited },
    ...(replaces ? { words: ['Recreate', 'Recreated'] } : {}),
  });
  if (planning.options.start === false) return create;
  planning.steps.push({
    id: `start:${name}`,
    after: [create, ...gate],
    subject,
    act: { kind: 'start', service, ref: name },
    ...(updates ? { updates: name } : {}),
  });
  return `start:${name}`;
}

/** A container that shares another's namespace is created when that is there. */
function namespacesOf(service: string, { project, started }: Planning): string[] {
  const { network_mode, ipc, pid, uts, volumes_from = [] } = project.services[service] ?? {};
  const others = [network_mode, ipc, pid, uts].flatMap((mode) =>
    mode?.startsWith('service:') === true ? [mode.slice('service:'.length)] : [],
  );
  return [...others, ...volumes_from.map((from) => from.split(':')[0] ?? '')].flatMap((other) => started.get(other) ?? []);
}
