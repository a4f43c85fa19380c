import type { Client } from '#client';
import { OrlopError } from '#errors';
import type { Project } from '../model/project.ts';
import { planDown, planStops, type DownOptions } from '../plan/down.ts';
import type { ObservedContainer } from '../plan/observed.ts';
import type { Plan, Step } from '../plan/steps.ts';
import { planRestart, type RestartOptions } from '../plan/restart.ts';
import { planRollback } from '../plan/rollback.ts';
import type { UpOptions } from '../plan/planning.ts';
import { planUp } from '../plan/up.ts';
import { ensureImages, type ImageOptions, type ImageSource } from './images.ts';
import type { HookListener } from './hooks.ts';
import { observe } from './observe.ts';
import { performStep } from './perform.ts';
import { runPlan, type Running } from './run-steps.ts';
import { judgeUpdates, type Verdicts } from './judge-updates.ts';
import { followHappenings, waitFor } from './wait.ts';

export interface ConvergeOptions extends Pick<Running, 'onStep' | 'parallel' | 'signal'> {
  /** Called with the plan before it is carried out; resolves with false: that is all that was wanted. */
  readonly onPlan?: (plan: Plan) => Promise<boolean>;
  readonly onWarning: (text: string) => void;
  readonly stopTimeoutS?: number | undefined;
  readonly onHook?: HookListener | undefined;
}

export interface ConvergeUpOptions extends ConvergeOptions {
  readonly images: ImageOptions;
  readonly source: ImageSource;
  readonly plan: UpOptions;
  /** What was done is undone when something fails. */
  readonly rollsBack?: boolean;
}

/** Brings the engine to what the project wants. Throws the first failure. */
export async function convergeUp(client: Client, project: Project, options: ConvergeUpOptions): Promise<void> {
  const imageIds = await ensureImages(client, project, options.source, options.images);
  const plan = planUp(project, await observe(client, project), { ...options.plan, imageIds, keepReplaced: options.rollsBack === true });
  await carryOut(client, project, plan, { ...options, imageIds });
}

/** Takes a project away, or what `down` says of it. */
export async function convergeDown(client: Client, project: Project, down: DownOptions, options: ConvergeOptions): Promise<void> {
  await carryOut(client, project, planDown(project, await observe(client, project), down), { ...options, imageIds: {} });
}

/** Starts the containers that there are of a project's services, in the order of what they depend on; none is made or replaced. */
export async function convergeStart(client: Client, project: Project, options: ConvergeOptions): Promise<void> {
  const there = await observe(client, { ...project, networks: {}, volumes: {} });
  const counts = Map.groupBy(
    there.containers.filter(({ oneOff }) => !oneOff),
    ({ service }) => service,
  );
  const [services, missing] = [true, false].map((isThere) =>
    Object.fromEntries(Object.entries(project.services).filter(([name]) => counts.has(name) === isThere)),
  );
  const known = { ...project, services: services ?? {}, disabled: { ...project.disabled, ...missing }, networks: {}, volumes: {} };
  const scale = Object.fromEntries([...counts].map(([name, { length }]) => [name, length]));
  const [empty] = Object.keys(missing ?? {});
  if (empty !== undefined)
    throw new OrlopError('not-found', 'COMPOSE_NO_CONTAINER', `service ${JSON.stringify(empty)} has no container to start`, {
      hint: 'make it with orlop compose up -d',
    });
  await carryOut(client, known, planUp(known, there, { noRecreate: true, scale }), { ...options, imageIds: {} });
}

/** Restarts a project's containers, or those of the services named, as `depends_on` says. */
export async function convergeRestart(client: Client, project: Project, wanted: RestartOptions, options: ConvergeOptions): Promise<void> {
  const containers = (await containersOf(client, project)).filter(({ oneOff }) => !oneOff);
  await carryOut(client, project, planRestart(project, { containers }, wanted), { ...options, imageIds: {} });
}

/** Stops a project's containers, those that depend on others first; those that run a command once are let be. */
export async function convergeStop(client: Client, project: Project, options: ConvergeOptions): Promise<void> {
  const chosen = (await containersOf(client, project)).filter(({ service, oneOff }) => !oneOff && Object.hasOwn(project.services, service));
  await carryOut(client, project, planStops(project, { containers: chosen }), { ...options, imageIds: {} });
}

/** The project's containers, one-off ones as well, by service and number. */
export async function containersOf(client: Client, project: Pick<Project, 'name'>): Promise<ObservedContainer[]> {
  const { containers } = await observe(client, { name: project.name, networks: {}, volumes: {} });
  return containers.toSorted((a, b) => (a.service === b.service ? a.number - b.number : a.service < b.service ? -1 : 1));
}

/** Resolves when all containers of the project are running, and healthy where there is a check. */
export async function waitUntilReady(client: Client, project: Project, signal: AbortSignal): Promise<void> {
  const containers = (await containersOf(client, project)).filter(
    ({ service, oneOff }) => !oneOff && Object.hasOwn(project.services, service),
  );
  using happenings = followHappenings(client, project.name);
  await Promise.all(containers.map(({ name }) => waitFor(name, 'ready', { client, happenings, signal })));
}

interface CarryingOut extends ConvergeOptions {
  readonly imageIds: Readonly<Record<string, string>>;
  readonly rollsBack?: boolean;
}

async function carryOut(client: Client, project: Project, plan: Plan, options: CarryingOut): Promise<void> {
  for (const warning of plan.warnings) options.onWarning(warning);
  if ((await options.onPlan?.(plan)) === false || plan.steps.length === 0) return;
  const verdicts = judgeUpdates(project, plan, 'update_config', options.onWarning);
  try {
    await perform(client, project, plan, verdicts, options);
  } catch (error) {
    if (options.rollsBack !== true) await rollBack(client, project, verdicts.lost, options);
    throw error;
  }
}

/** Services whose update failed run again what they ran before. What goes wrong then is said: the failure is told by who calls. */
async function rollBack(client: Client, project: Project, services: readonly string[], options: CarryingOut): Promise<void> {
  for (const service of services) {
    options.onWarning(`update of service ${service} failed: what ran before is brought back`);
    const plan = planRollback(project, service, await observe(client, project));
    const verdicts = judgeUpdates(project, plan, 'rollback_config', options.onWarning);
    await perform(client, project, plan, verdicts, options).catch((error: unknown) => options.onWarning(String(error)));
  }
}

async function perform(client: Client, project: Project, plan: Plan, verdicts: Verdicts, options: CarryingOut): Promise<void> {
  const { imageIds, stopTimeoutS, onWarning, onHook } = options;
  using happenings = followHappenings(client, project.name);
  const performing = { client, project, imageIds, stopTimeoutS, onWarning, happenings, onHook };
  await runPlan(plan, {
    perform: (step: Step, signal: AbortSignal) => verdicts.tolerate(step, signal, () => performStep(step, performing, signal)),
    ...(options.onStep === undefined ? {} : { onStep: options.onStep }),
    parallel: options.parallel,
    signal: options.signal,
    rollsBack: options.rollsBack === true,
  });
}
