import type { Project } from '../model/project.ts';
import { hashService } from '../model/print.ts';
import type { Dependency, ServiceConfig } from '../model/service.ts';
import { containerName } from './container-body.ts';
import { planGround } from './ground.ts';
import { isUp, type Observed, type ObservedContainer } from './observed.ts';
import { inOrder } from './order.ts';
import type { Condition, Plan, Step } from './steps.ts';

export interface UpOptions {
  /** Of the services that are asked for; those that they only depend on are let be where they run. */
  readonly forceRecreate?: boolean;
  readonly noRecreate?: boolean;
  readonly removeOrphans?: boolean;
  readonly renewVolumes?: boolean;
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

interface Planning {
  readonly project: Project;
  readonly observed: Observed;
  readonly options: UpOptions;
  readonly steps: Step[];
  readonly warnings: string[];
  /** Steps that stand for a service's containers being created and started, by service. */
  readonly started: Map<string, readonly string[]>;
  readonly names: Map<string, readonly string[]>;
  readonly recreated: Set<string>;
  /** Steps of what all containers need: networks and volumes. */
  readonly ground: readonly string[];
  readonly displaced: ReadonlySet<ObservedContainer>;
}

/** The steps from what is to what the project wants; nothing for what is already so. Pure. */
export function planUp(project: Project, observed: Observed, options: UpOptions = {}): Plan {
  const { steps: ground, displaced } = planGround(project, observed, options);
  const planning: Planning = {
    project,
    observed,
    options,
    steps: [...ground],
    warnings: [],
    started: new Map(),
    names: new Map(),
    recreated: new Set(),
    ground: ground.map(({ id }) => id),
    displaced,
  };
  for (const name of inOrder(project)) planService(name, planning);
  planOrphans(planning);
  if (options.keepReplaced === true) keepUntilDone(planning);
  return { steps: planning.steps, warnings: planning.warnings };
}

/** How many containers a service has. */
export function scaleOf({ scale, deploy }: ServiceConfig): number {
  return scale ?? deploy?.replicas ?? 1;
}

/** What was replaced is removed when all else is done: until then it can be brought back. */
function keepUntilDone({ steps }: Planning): void {
  const rest = steps.filter(({ act }) => act.kind !== 'remove').map(({ id }) => id);
  for (const [at, step] of steps.entries())
    if (step.act.kind === 'remove')
      steps[at] = { ...step, after: [...new Set([...step.after.filter((id) => !id.startsWith('remove:')), ...rest])] };
}

function planService(name: string, planning: Planning): void {
  const { project, options, observed, displaced } = planning;
  const service = project.services[name] ?? {};
  const wanted = options.scale?.[name] ?? scaleOf(service);
  const existing = observed.containers
    .filter((container) => container.service === name && !container.oneOff && !displaced.has(container))
    .toSorted((a, b) => a.number - b.number);
  // A replacement that was interrupted leaves two of a number: the one that is as wanted, or else the newest in name, stays.
  const hash = hashService(service);
  const byNumber = Map.groupBy(existing, ({ number }) => number);
  const first = [...byNumber.values()].map(
    (same) =>
      same.find((container) => container.hash === hash && container.name === containerName(project, name, container.number)) ?? same[0],
  );
  const kept = first.filter((container) => container !== undefined).slice(0, wanted);
  const gate = options.start === false ? [] : planGate(name, service, planning);
  const numbers = freeNumbers(kept, wanted);
  const ends: string[] = [];
  const changed = kept.filter((container) => isChanged(name, container, hash, planning));
  if (changed.length > 0) planning.recreated.add(name);
  const gone = [...displaced].filter((container) => container.service === name && !container.oneOff);
  if (gone.length > 0) planning.recreated.add(name);
  const inherited = (number: number): ObservedContainer['anonymous'] =>
    options.renewVolumes === true ? {} : (gone.find((container) => container.number === number)?.anonymous ?? {});
  ends.push(...numbers.map((number) => planNew(name, number, gate, planning, [], inherited(number))));
  ends.push(...planReplacements(name, changed, gate, planning));
  for (const container of kept.filter((container) => !changed.includes(container))) ends.push(...planKept(name, container, gate, planning));
  for (const container of [...gone, ...existing.filter((one) => !kept.includes(one))]) planRemoval(container, planning);
  planning.started.set(name, ends);
  planning.names.set(
    name,
    [...kept.map(({ number }) => number), ...numbers].map((number) => containerName(project, name, number)),
  );
}

function isChanged(name: string, container: ObservedContainer, hash: string, { options, project, recreated }: Planning): boolean {
  if (options.noRecreate === true) return false;
  const service = project.services[name] ?? {};
  const shared = [service.network_mode, service.ipc, service.pid, service.uts].some(
    (mode) => mode?.startsWith('service:') === true && recreated.has(mode.slice(8)),
  );
  const image = options.imageIds?.[name];
  const networks = Object.keys(service.networks ?? {}).map((key) => project.networks[key]?.name ?? key);
  return (
    options.forceRecreate === true ||
    container.hash !== hash ||
    shared ||
    (image !== undefined && container.imageId !== '' && container.imageId !== image) ||
    networks.some((network) => !container.networks.includes(network))
  );
}

function freeNumbers(kept: readonly ObservedContainer[], wanted: number): number[] {
  const taken = new Set(kept.map(({ number }) => number));
  const free: number[] = [];
  for (let number = 1; free.length + kept.length < wanted; number++) if (!taken.has(number)) free.push(number);
  return free;
}

const conditions: Readonly<Record<Dependency['condition'], Condition>> = {
  service_started: 'started',
  service_healthy: 'healthy',
  service_completed_successfully: 'completed',
};

/** Steps that a service's containers wait for: what it depends on being as it must. */
function planGate(name: string, service: ServiceConfig, planning: Planning): string[] {
  if (planning.options.dependencies === false) return [];
  return Object.entries(service.depends_on ?? {}).flatMap(([other, { condition, required }]) => {
    const before = planning.started.get(other);
    const refs = planning.names.get(other);
    if (before === undefined || refs === undefined) return [];
    const wanted = conditions[condition];
    if (wanted === 'started') return before;
    const id = `wait:${other}:${wanted}:${String(required !== false)}`;
    if (!planning.steps.some((step) => step.id === id))
      planning.steps.push({
        id,
        after: before,
        subject: `Service ${other}`,
        act: { kind: 'wait', service: other, refs, condition: wanted, required: required !== false },
      });
    return [id];
  });
}

function planNew(
  service: string,
  number: number,
  gate: readonly string[],
  planning: Planning,
  before: readonly string[] = [],
  inherited: Readonly<Record<string, string>> = {},
): string {
  const name = containerName(planning.project, service, number);
  const create = `create:${name}`;
  const subject = `Container ${name}`;
  planning.steps.push({
    id: create,
    after: [...planning.ground, ...namespacesOf(service, planning), ...before],
    subject,
    act: { kind: 'create', service, number, name, inherited },
  });
  if (planning.options.start === false) return create;
  planning.steps.push({ id: `start:${name}`, after: [create, ...gate], subject, act: { kind: 'start', service, ref: name } });
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

/** Containers that are replaced: all at once, or, where others wait for their health, a few at a time so that the service stays reachable. */
function planReplacements(service: string, changed: readonly ObservedContainer[], gate: readonly string[], planning: Planning): string[] {
  const config = planning.project.services[service] ?? {};
  const update = config.deploy?.update_config;
  const rolls = update !== undefined || (config.healthcheck !== undefined && changed.length > 1);
  const size = rolls ? (update?.parallelism ?? 1) || changed.length : changed.length;
  const ends: string[] = [];
  let before: readonly string[] = [];
  for (let at = 0; at < changed.length; at += size) {
    const batch = changed
      .slice(at, at + size)
      .map((container) => planReplacement(service, container, [...gate, ...before], { rolls, planning }));
    ends.push(...batch);
    before = batch;
  }
  return ends;
}

function planReplacement(
  service: string,
  old: ObservedContainer,
  gate: readonly string[],
  { rolls, planning }: { readonly rolls: boolean; readonly planning: Planning },
): string {
  const { project, options, steps } = planning;
  const config = project.services[service] ?? {};
  const name = containerName(project, service, old.number);
  const aside = `${old.id.slice(0, 12)}_${name}`;
  const subject = `Container ${name}`;
  const fixedPorts = (config.ports ?? []).some(({ published }) => published !== undefined);
  const startFirst = config.deploy?.update_config?.order === 'start-first' && isUp(old);
  if (startFirst && fixedPorts)
    planning.warnings.push(`${service} publishes ports of the host, which two containers cannot have: it is stopped first`);
  const renaming = old.name === aside ? [] : [`rename:${old.id}`];
  if (renaming.length > 0)
    steps.push({
      id: `rename:${old.id}`,
      after: gate,
      subject: `Container ${old.name}`,
      act: { kind: 'rename', ref: old.id, from: old.name, to: aside },
    });
  const stop = `stop:${old.id}`;
  const first = startFirst && !fixedPorts;
  const stopAfter = first ? [`ready:${name}`] : [`create:${name}`, ...gate];
  const inherited = options.renewVolumes === true ? {} : old.anonymous;
  let end = planNew(service, old.number, first || !isUp(old) ? gate : [...gate, stop], planning, renaming, inherited);
  if (options.start !== false && (rolls || first || options.keepReplaced === true)) {
    const condition = config.healthcheck === undefined || config.healthcheck.disable === true ? 'started' : 'healthy';
    steps.push({ id: `ready:${name}`, after: [end], subject, act: { kind: 'wait', service, refs: [name], condition, required: true } });
    end = `ready:${name}`;
  }
  if (isUp(old)) steps.push({ id: stop, after: stopAfter, subject: `Container ${aside}`, act: { kind: 'stop', service, ref: old.id } });
  steps.push({
    id: `remove:${old.id}`,
    after: [end, ...(isUp(old) ? [stop] : [])],
    subject: `Container ${aside}`,
    act: { kind: 'remove', ref: old.id, volumes: options.renewVolumes === true },
  });
  return first && options.keepReplaced !== true ? `remove:${old.id}` : end;
}

/** A container that is as wanted: started when it is not, restarted when what it depends on was replaced and says so. */
function planKept(service: string, container: ObservedContainer, gate: readonly string[], planning: Planning): string[] {
  const { project, options, recreated, steps } = planning;
  const name = containerName(project, service, container.number);
  const subject = `Container ${name}`;
  // One that was set aside for a replacement that never came.
  const renaming = container.name === name ? [] : [`rename:${container.id}`];
  if (renaming.length > 0)
    steps.push({
      id: `rename:${container.id}`,
      after: [],
      subject,
      act: { kind: 'rename', ref: container.id, from: container.name, to: name },
    });
  if (options.start === false) return renaming;
  if (!isUp(container)) {
    steps.push({ id: `start:${container.id}`, after: [...gate, ...renaming], subject, act: { kind: 'start', service, ref: container.id } });
    return [`start:${container.id}`];
  }
  const restarts = Object.entries(project.services[service]?.depends_on ?? {}).some(
    ([other, { restart }]) => restart === true && recreated.has(other),
  );
  if (!restarts) return renaming;
  steps.push({ id: `restart:${container.id}`, after: gate, subject, act: { kind: 'restart', service, ref: container.id } });
  return [`restart:${container.id}`];
}

function planRemoval(container: ObservedContainer, { steps }: Planning): void {
  const { id, name, service } = container;
  const subject = `Container ${name}`;
  const stops = isUp(container);
  if (stops) steps.push({ id: `stop:${id}`, after: [], subject, act: { kind: 'stop', service, ref: id } });
  steps.push({ id: `remove:${id}`, after: stops ? [`stop:${id}`] : [], subject, act: { kind: 'remove', ref: id, volumes: false } });
}

function planOrphans(planning: Planning): void {
  const { project, observed, options } = planning;
  const known = { ...project.services, ...project.disabled };
  const orphans = observed.containers.filter(({ service, oneOff }) => !oneOff && !Object.hasOwn(known, service));
  if (orphans.length === 0) return;
  if (options.removeOrphans === true) for (const orphan of orphans) planRemoval(orphan, planning);
  else
    planning.warnings.push(
      `Found orphan containers (${orphans.map(({ name }) => name).join(', ')}) for this project. --remove-orphans removes them.`,
    );
}
