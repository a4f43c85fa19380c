import type { Project } from '../model/project.ts';
import { conditions } from './conditions.ts';
import type { Observed } from './observed.ts';
import { inOrder } from './order.ts';
import type { Plan, Step } from './steps.ts';

export interface RestartOptions {
  /** None: all. */
  readonly services: readonly string[];
  /** Also services that `depends_on` says are restarted with those. */
  readonly dependents: boolean;
}

/** Restarts of a service's containers behind those of what it is restarted with, once that is as it must be. Pure. Source: compose-spec 05-services, depends_on.restart. */
export function planRestart(
  project: Project,
  { containers }: Pick<Observed, 'containers'>,
  { services, dependents }: RestartOptions,
): Plan {
  const chosen = new Set(services.length === 0 ? Object.keys(project.services) : services);
  const steps: Step[] = [];
  for (const name of inOrder(project)) {
    const others = dependents ? restartedWith(project, name).filter(([other]) => chosen.has(other)) : [];
    if (others.length > 0) chosen.add(name);
    if (!chosen.has(name)) continue;
    const gate = others.flatMap(([other, condition]) => planWait(other, condition, { containers, steps }));
    for (const { id, name: container, service } of containers)
      if (service === name)
        steps.push({ id: `restart:${id}`, after: gate, subject: `Container ${container}`, act: { kind: 'restart', service, ref: id } });
  }
  return { steps, warnings: [] };
}

type Link = readonly [service: string, condition: keyof typeof conditions];

/** What a service's containers are restarted with. */
function restartedWith({ services }: Project, name: string): Link[] {
  return Object.entries(services[name]?.depends_on ?? {}).flatMap(([other, { restart, condition }]): Link[] =>
    restart === true ? [[other, condition]] : [],
  );
}

function planWait(
  service: string,
  condition: Link[1],
  { containers, steps }: Pick<Observed, 'containers'> & { readonly steps: Step[] },
): string[] {
  const own = containers.filter((container) => container.service === service);
  const restarts = own.map(({ id }) => `restart:${id}`);
  const wanted = conditions[condition];
  if (wanted === 'started') return restarts;
  const id = `wait:${service}:${wanted}`;
  if (!steps.some((step) => step.id === id))
    steps.push({
      id,
      after: restarts,
      subject: `Service ${service}`,
      act: { kind: 'wait', service, refs: own.map(({ name }) => name), condition: wanted, required: true },
    });
  return [id];
}
