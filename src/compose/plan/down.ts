import { imageOf } from '../model/print.ts';
import type { Project } from '../model/project.ts';
import { labels } from './labels.ts';
import { isUp, type Observed, type ObservedContainer } from './observed.ts';
import { dependents } from './order.ts';
import type { Plan, Step } from './steps.ts';

export interface DownOptions {
  /** Also named volumes of the files, and those without a name. */
  readonly volumes?: boolean;
  readonly removeOrphans?: boolean;
  /** `local`: of services that name no image; `all`: of all. */
  readonly images?: 'local' | 'all';
  /** Only these services' containers, and no network. */
  readonly services?: readonly string[];
}

/** The steps that take a project away: containers, those that depend on others first, then networks. Pure. */
export function planDown(project: Project, observed: Observed, options: DownOptions = {}): Plan {
  const chosen = options.services ?? [];
  const { services, disabled } = project;
  const goes = ({ service, oneOff }: ObservedContainer): boolean =>
    (chosen.length === 0 || chosen.includes(service)) &&
    (Object.hasOwn(services, service) || (options.removeOrphans === true && !Object.hasOwn(disabled, service)) || oneOff);
  const containers = observed.containers.filter(goes);
  const used = new Set(observed.containers.filter((container) => !goes(container)).flatMap(({ networks }) => networks));
  const stops = planStops(project, { ...observed, containers }).steps;
  const removals = containers.map(
    ({ id, name }): Step => ({
      id: `remove:${id}`,
      after: [`stop:${id}`],
      subject: `Container ${name}`,
      act: { kind: 'remove', ref: id, volumes: options.volumes === true },
    }),
  );
  const after = removals.map(({ id }) => id);
  const rest = chosen.length > 0 ? [] : [...planResources(project, observed, options, after)];
  const isUsed = ({ act }: Step): boolean => act.kind === 'remove-network' && used.has(act.name);
  const warnings = rest.filter(isUsed).map(({ subject }) => `${subject} is still in use`);
  return { steps: [...stops, ...removals, ...rest.filter((step) => !isUsed(step))], warnings };
}

/** Stops of all, each behind those of what depends on it; those that have ended are told of, too. Pure. */
export function planStops(project: Project, { containers }: Pick<Observed, 'containers'>): Plan {
  const steps = containers.map((container): Step => {
    const { id, name, service } = container;
    const others = dependents(project, service);
    return {
      id: `stop:${id}`,
      after: containers.filter((other) => others.includes(other.service)).map((other) => `stop:${other.id}`),
      subject: `Container ${name}`,
      act: { kind: 'stop', service, ref: id, ...(isUp(container) ? {} : { idle: true }) },
    };
  });
  return { steps, warnings: [] };
}

function planResources(project: Project, observed: Observed, options: DownOptions, after: readonly string[]): Step[] {
  const steps: Step[] = [];
  for (const [key, { name = key, external }] of Object.entries(project.networks))
    if (external !== true && observed.networks[name]?.[labels.project] === project.name)
      steps.push({ id: `network:${name}`, after, subject: `Network ${name}`, act: { kind: 'remove-network', name } });
  if (options.volumes === true)
    for (const [key, { name = key, external }] of Object.entries(project.volumes))
      if (external !== true && Object.hasOwn(observed.volumes, name))
        steps.push({ id: `volume:${name}`, after, subject: `Volume ${name}`, act: { kind: 'remove-volume', name } });
  if (options.images !== undefined)
    for (const [service, { image }] of Object.entries(project.services)) {
      const name = imageOf(project, service);
      if (image === undefined || options.images === 'all')
        steps.push({ id: `image:${name}`, after, subject: `Image ${name}`, act: { kind: 'remove-image', name } });
    }
  return steps;
}
