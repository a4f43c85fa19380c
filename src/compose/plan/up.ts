import { refuseUnsupported } from './container-body.ts';
import type { Project } from '../model/project.ts';
import { hashService } from '../model/print.ts';
import type { ServiceConfig } from '../model/service.ts';
import { conditions } from './conditions.ts';
import { containerName } from './container-body.ts';
import { planGround } from './ground.ts';
import { isUp, type Observed, type ObservedContainer } from './observed.ts';
import { inOrder } from './order.ts';
import { planNew, type Planning, type UpOptions } from './planning.ts';
import { checkUpdates, planReplacements } from './replace.ts';
import type { Plan } from './steps.ts';

/** The steps from what is to what the project wants; nothing for what is already so. Pure. */
export function planUp(project: Project, observed: Observed, options: UpOptions = {}): Plan {
  const { steps: ground, displaced } = planGround(project, observed, options);
  const planning: Planning = {
    project,
    observed,
    options,
    steps: [...ground],
    warnings: [],
    unchanged: [],
    started: new Map(),
    names: new Map(),
    recreated: new Set(),
    ground: ground.map(({ id }) => id),
    displaced,
  };
  for (const name of inOrder(project)) planService(name, planning);
  planOrphans(planning);
  if (options.keepReplaced === true) keepUntilDone(planning);
  return { steps: planning.steps, warnings: planning.warnings, unchanged: planning.unchanged };
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
  checkUpdates(name, service);
  refuseUnsupported(project, name);
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
  ends.push(...numbers.map((number) => planNew(planning, { service: name, number, gate, inherited: inherited(number) })));
  ends.push(...planReplacements(name, changed, gate, planning));
  for (const container of kept.filter((container) => !changed.includes(container))) ends.push(...planKept(name, container, gate, planning));
  for (const container of [...gone, ...existing.filter((one) => !kept.includes(one))]) planRemoval(container, planning);
  planning.started.set(name, ends);
  planning.names.set(
    name,
    [...kept.map(({ number }) => number), ...numbers].map((number) => containerName(project, name, number)),
  );
}

/** Whether a service's containers are replaced although nothing of them changed. */
function isForced(name: string, { forceRecreate, recreateDependencies, named = [] }: UpOptions): boolean {
  const isNamed = named.length === 0 || named.includes(name);
  return (forceRecreate === true && isNamed) || (recreateDependencies === true && !isNamed);
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
    isForced(name, options) ||
    container.hash !== hash ||
    shared ||
    (image !== undefined && container.imageId !== '' && container.imageId !== image) ||
    networks.some((network) => !container.networks.includes(network)) ||
    volumesOf(project, service).some((volume) => !container.volumes.includes(volume))
  );
}

/** Names of the volumes that a service's containers have: another may stand behind the same key. */
function volumesOf({ volumes }: Project, service: ServiceConfig): string[] {
  return (service.volumes ?? []).flatMap(({ type, source = '' }) =>
    type === 'volume' && source !== '' ? [volumes[source]?.name ?? source] : [],
  );
}

function freeNumbers(kept: readonly ObservedContainer[], wanted: number): number[] {
  const taken = new Set(kept.map(({ number }) => number));
  const free: number[] = [];
  for (let number = 1; free.length + kept.length < wanted; number++) if (!taken.has(number)) free.push(number);
  return free;
}

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
  if (!restarts) {
    planning.unchanged.push(name);
    return renaming;
  }
  const [stop, start] = [`stop:${container.id}`, `start:${container.id}`];
  steps.push({ id: stop, after: gate, subject, act: { kind: 'stop', service, ref: container.id } });
  steps.push({ id: start, after: [stop], subject, act: { kind: 'start', service, ref: container.id } });
  return [start];
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
  const orphans = observed.containers.filter(({ service }) => !Object.hasOwn(known, service));
  if (orphans.length === 0) return;
  if (options.removeOrphans === true) for (const orphan of orphans) planRemoval(orphan, planning);
  else
    planning.warnings.push(
      `Found orphan containers (${orphans.map(({ name }) => name).join(', ')}) for this project. --remove-orphans removes them.`,
    );
}
