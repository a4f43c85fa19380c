import type { Project } from '../model/project.ts';
import { containerName } from './container-body.ts';
import { isUp, type Observed, type ObservedContainer } from './observed.ts';
import { asideName, batchesOf, hasFixedPorts, pauseStep, readyStep, renameStep, type UpdateConfig } from './replace.ts';
import type { Plan, Step } from './steps.ts';

/** A container that was set aside, and what took its place, if that was made. */
interface Pair {
  readonly old: ObservedContainer;
  readonly fresh: ObservedContainer | undefined;
}

/** The steps after which a service's containers that were set aside run again in the place of those that replaced them, as `rollback_config` says. Pure. */
export function planRollback(project: Project, service: string, observed: Pick<Observed, 'containers'>): Plan {
  const config = project.services[service] ?? {};
  const rollback = config.deploy?.rollback_config ?? {};
  const own = observed.containers.filter((container) => container.service === service && !container.oneOff);
  const nameOf = ({ number }: ObservedContainer): string => containerName(project, service, number);
  const pairs = own
    .filter((container) => container.name === asideName(container.id, nameOf(container)))
    .map((old): Pair => ({ old, fresh: own.find(({ name }) => name === nameOf(old)) }))
    .toSorted((a, b) => a.old.number - b.old.number);
  const startFirst = rollback.order === 'start-first' && !hasFixedPorts(config);
  const steps: Step[] = [];
  let before: readonly string[] = [];
  for (const [at, batch] of batchesOf(pairs, rollback).entries()) {
    const pause = at === 0 ? [] : pauseStep(service, at, rollback, before);
    steps.push(...pause);
    const gate = [...before, ...pause.map(({ id }) => id)];
    const returns = batch.map((pair) => planReturn(pair, { name: nameOf(pair.old), gate, startFirst, rollback }));
    steps.push(...returns.flat());
    before = returns.flat().map(({ id }) => id);
  }
  return { steps, warnings: [] };
}

interface Return {
  readonly name: string;
  readonly gate: readonly string[];
  readonly startFirst: boolean;
  readonly rollback: UpdateConfig;
}

function planReturn({ old, fresh }: Pair, { name, gate, startFirst, rollback }: Return): Step[] {
  const { service } = old;
  const subject = `Container ${name}`;
  const start = `start:${old.id}`;
  const ready = readyStep(service, { name, ref: old.id }, rollback, [start]);
  const isFirst = startFirst && fresh !== undefined;
  const departure = isFirst ? [ready.id] : gate;
  const steps: Step[] = [];
  const removal = fresh === undefined ? null : `remove:${fresh.id}`;
  if (fresh !== undefined) {
    const stops = isUp(fresh);
    if (stops) steps.push({ id: `stop:${fresh.id}`, after: departure, subject, act: { kind: 'stop', service, ref: fresh.id } });
    steps.push({
      id: `remove:${fresh.id}`,
      after: stops ? [`stop:${fresh.id}`] : departure,
      subject,
      act: { kind: 'remove', ref: fresh.id, volumes: false },
    });
  }
  const renaming = renameStep(old, name, removal === null ? departure : [removal]);
  steps.push({ id: start, after: isFirst ? gate : [renaming.id], subject, act: { kind: 'start', service, ref: old.id }, updates: name });
  return [...steps, renaming, ready];
}
