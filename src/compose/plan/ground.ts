import { OrlopError } from '#errors';
import { hashNetwork, hashVolume } from '../model/print.ts';
import type { Project } from '../model/project.ts';
import { labels } from './labels.ts';
import type { Observed, ObservedContainer } from './observed.ts';
import type { Step } from './steps.ts';

/** Networks and volumes that all containers stand on. */
export interface Ground {
  readonly steps: readonly Step[];
  /** Containers in networks that are replaced: they go before these do. */
  readonly displaced: ReadonlySet<ObservedContainer>;
}

/**
 * What is made of networks and volumes. A network whose settings changed is replaced, and the containers in it with it; a volume never is: it holds
 * data. not-found for an external one that is not there, failed-precondition for what cannot be replaced. Pure.
 */
export function planGround(project: Project, observed: Observed, options: { readonly keepReplaced?: boolean }): Ground {
  const displaced = new Set<ObservedContainer>();
  const networks = Object.entries(project.networks).flatMap(([key, value]): Step[] => {
    const name = value.name ?? key;
    const create = (after: readonly string[]): Step => ({
      id: `network:${key}`,
      after,
      subject: `Network ${name}`,
      act: { kind: 'create-network', key },
    });
    const found = observed.networks[name];
    if (found === undefined) return [create(requireOwn('network', name, value))];
    if (value.external === true || !isOther(found, hashNetwork(value))) return [];
    const inside = observed.containers.filter((container) => container.networks.includes(name));
    if (options.keepReplaced === true || inside.some(({ service, oneOff }) => oneOff || !Object.hasOwn(project.services, service)))
      throw changed('network', name, key, 'take the project down first: orlop compose down');
    for (const container of inside) displaced.add(container);
    const removal: Step = {
      id: `unnetwork:${key}`,
      after: inside.map(({ id }) => `remove:${id}`),
      subject: `Network ${name}`,
      act: { kind: 'remove-network', name },
    };
    return [removal, create([removal.id])];
  });
  const volumes = Object.entries(project.volumes).flatMap(([key, value]): Step[] => {
    const name = value.name ?? key;
    const found = observed.volumes[name];
    const create: Step = { id: `volume:${key}`, after: [], subject: `Volume ${name}`, act: { kind: 'create-volume', key } };
    if (found === undefined) return [{ ...create, after: requireOwn('volume', name, value) }];
    if (value.external !== true && isOther(found, hashVolume(value)))
      throw changed('volume', name, key, `keep what it holds elsewhere and remove it: orlop volume rm ${name}`);
    return [];
  });
  return { steps: [...networks, ...volumes], displaced };
}

function isOther(found: Readonly<Record<string, string>>, hash: string): boolean {
  const known = found[labels.hash];
  return known !== undefined && known !== hash;
}

/** What is external is made by somebody else. */
function requireOwn(kind: string, name: string, { external }: { readonly external?: boolean }): readonly string[] {
  if (external !== true) return [];
  throw new OrlopError('not-found', 'COMPOSE_NO_EXTERNAL', `${kind} ${name} declared as external, but could not be found`, {
    hint: `make it with orlop ${kind} create ${name}`,
  });
}

function changed(kind: string, name: string, key: string, hint: string): OrlopError {
  return new OrlopError('failed-precondition', 'COMPOSE_CHANGED', `${kind} ${name} exists with other settings than ${key} has now`, {
    hint,
  });
}
