import { OrlopError } from '#errors';
import type { ServiceConfig } from '../model/service.ts';
import { containerName } from './container-body.ts';
import { isUp, type ObservedContainer } from './observed.ts';
import { planNew, type Planning } from './planning.ts';
import type { Step } from './steps.ts';

/** How containers of a service take each other's places (compose-spec deploy, update_config, rollback_config). */
export type UpdateConfig = NonNullable<NonNullable<ServiceConfig['deploy']>['update_config']>;

const failureActions = { update_config: ['pause', 'continue', 'rollback'], rollback_config: ['pause', 'continue'] } as const;

/** invalid-argument names what is no action upon a failure. */
export function checkUpdates(name: string, { deploy }: ServiceConfig): void {
  for (const key of ['update_config', 'rollback_config'] as const) {
    const action = deploy?.[key]?.failure_action;
    const known: readonly string[] = failureActions[key];
    if (action !== undefined && !known.includes(action))
      throw new OrlopError(
        'invalid-argument',
        'COMPOSE_BAD_ACTION',
        `services.${name}.deploy.${key}.failure_action is ${JSON.stringify(action)}; use one of ${known.join(', ')}`,
      );
  }
}

/** Ports of the host that two containers cannot have at once. */
export function hasFixedPorts({ ports = [] }: ServiceConfig): boolean {
  return ports.some(({ published }) => published !== undefined);
}

/** The parts of a list in which so many are changed at a time; 0: all at once. Pure. */
export function batchesOf<Item>(items: readonly Item[], { parallelism = 1 }: Pick<UpdateConfig, 'parallelism'>): Item[][] {
  const size = parallelism === 0 ? Math.max(1, items.length) : parallelism;
  return Array.from({ length: Math.ceil(items.length / size) }, (_none, at) => items.slice(at * size, (at + 1) * size));
}

/** A wait between two batches. */
export function pauseStep(service: string, batch: number, { delay = 0 }: UpdateConfig, after: readonly string[]): Step[] {
  if (delay === 0) return [];
  return [{ id: `pause:${service}:${batch}`, after, subject: `Service ${service}`, act: { kind: 'pause', service, duration: delay } }];
}

/** Until a container that takes another's place is as it must be, and has been for as long as it is watched. */
export function readyStep(
  service: string,
  { name, ref = name }: { readonly name: string; readonly ref?: string },
  { monitor = 0 }: UpdateConfig,
  after: readonly string[],
): Step {
  return {
    id: `ready:${name}`,
    after,
    subject: `Container ${name}`,
    act: { kind: 'wait', service, refs: [ref], condition: 'ready', required: true, ...(monitor === 0 ? {} : { monitor }) },
    updates: name,
  };
}

/** Containers that are replaced: all at once, or, where others wait for their health, a few at a time so that the service stays reachable. */
export function planReplacements(
  service: string,
  changed: readonly ObservedContainer[],
  gate: readonly string[],
  planning: Planning,
): string[] {
  const config = planning.project.services[service] ?? {};
  const update = config.deploy?.update_config;
  const rolls = update !== undefined || (config.healthcheck !== undefined && changed.length > 1);
  const comesBack = update?.failure_action === 'rollback';
  const keeps = planning.options.keepReplaced === true || comesBack;
  const ends: string[] = [];
  let before: readonly string[] = [];
  for (const [at, batch] of batchesOf(changed, rolls ? { ...update } : { parallelism: 0 }).entries()) {
    const pause = at === 0 ? [] : pauseStep(service, at, { ...update }, before);
    planning.steps.push(...pause);
    const gates = [...gate, ...before, ...pause.map(({ id }) => id)];
    before = batch.flatMap((container) => planReplacement(container, { rolls, keeps, gate: gates, planning }));
    ends.push(...before);
  }
  if (comesBack) keepUntilUpdated(changed, ends, planning);
  return ends;
}

/** What was replaced is removed when the whole service is: until then it can come back. */
function keepUntilUpdated(changed: readonly ObservedContainer[], ends: readonly string[], { steps }: Planning): void {
  const removals = new Set(changed.map(({ id }) => `remove:${id}`));
  for (const [at, step] of steps.entries())
    if (removals.has(step.id)) steps[at] = { ...step, after: [...new Set([...step.after, ...ends])] };
}

interface Replacement {
  /** The new one must be ready before what comes after. */
  readonly rolls: boolean;
  /** The old one stays for longer than its stop. */
  readonly keeps: boolean;
  readonly gate: readonly string[];
  readonly planning: Planning;
}

function planReplacement(old: ObservedContainer, { rolls, keeps, gate, planning }: Replacement): string[] {
  const { project, options, steps } = planning;
  const { service, number } = old;
  const config = project.services[service] ?? {};
  const name = containerName(project, service, number);
  const aside = asideName(old.id, name);
  const update = config.deploy?.update_config ?? {};
  const wantsFirst = update.order === 'start-first' && isUp(old);
  const first = wantsFirst && !hasFixedPorts(config);
  if (wantsFirst && !first)
    planning.warnings.push(`${service} publishes ports of the host, which two containers cannot have: it is stopped first`);
  const renaming: Step[] = old.name === aside ? [] : [{ ...renameStep(old, aside, gate), silent: true }];
  steps.push(...renaming);
  const stop = `stop:${old.id}`;
  const inherited = options.renewVolumes === true ? {} : old.anonymous;
  let end = planNew(planning, {
    service,
    number,
    gate: first || !isUp(old) ? gate : [...gate, stop],
    before: renaming.map(({ id }) => id),
    inherited,
    updates: rolls,
    replaces: true,
  });
  if (options.start !== false && (rolls || first || options.keepReplaced === true)) {
    steps.push(readyStep(service, { name }, update, [end]));
    end = `ready:${name}`;
  }
  const subject = `Container ${aside}`;
  const stopAfter = first ? [`ready:${name}`] : [`create:${name}`, ...gate];
  if (isUp(old)) steps.push({ id: stop, after: stopAfter, subject, act: { kind: 'stop', service, ref: old.id }, silent: true });
  const removal = `remove:${old.id}`;
  const after = [end, ...(isUp(old) ? [stop] : [])];
  steps.push({ id: removal, after, subject, act: { kind: 'remove', ref: old.id, volumes: options.renewVolumes === true }, silent: true });
  if (!first) return [end];
  return keeps ? [end, stop] : [removal];
}

/** What a container is called while another takes its place. */
export function asideName(id: string, name: string): string {
  return `${id.slice(0, 12)}_${name}`;
}

export function renameStep({ id, name }: Pick<ObservedContainer, 'id' | 'name'>, to: string, after: readonly string[]): Step {
  return { id: `rename:${id}`, after, subject: `Container ${name}`, act: { kind: 'rename', ref: id, from: name, to } };
}
