import { OrlopError } from '#errors';
import { hashNetwork, hashVolume } from '../model/print.ts';
import type { Project } from '../model/project.ts';
import { labels } from './labels.ts';
import type { Observed, ObservedContainer } from './observed.ts';
import type { Step } from './steps.ts';

/** Networks and volumes that all containers stand on. */
export interface Ground {
  readonly steps: readonly Step[];
  /** Containers in networks, and of volumes, that are replaced: they go before these do. */
  readonly displaced: ReadonlySet<ObservedContainer>;
}

export interface GroundOptions {
  readonly keepReplaced?: boolean;
  /** Volumes whose settings changed are replaced, and what they hold is lost. */
  readonly replaceVolumes?: boolean;
}

type Kind = 'network' | 'volume';

/** A network or a volume that the files name. */
interface Wanted {
  readonly kind: Kind;
  readonly key: string;
  readonly name: string;
}

/**
 * What is made of networks and volumes. A network whose settings changed is replaced, and the containers in it with it; a volume only where that is
 * asked for: it holds data. not-found for an external one that is not there, failed-precondition for what cannot be replaced. Pure.
 */
export function planGround(project: Project, observed: Observed, options: GroundOptions): Ground {
  const displaced = new Set<ObservedContainer>();
  const networks = Object.entries(project.networks).flatMap(([key, value]): Step[] => {
    const wanted: Wanted = { kind: 'network', key, name: value.name ?? key };
    const found = observed.networks[wanted.name];
    if (found === undefined) return [creation(wanted, requireOwn(wanted, value))];
    if (value.external === true) return [];
    requireLabel(wanted, found);
    if (!isOther(found, hashNetwork(value))) return [];
    return planReplaced(wanted, { project, observed, displaced, isPossible: options.keepReplaced !== true });
  });
  const volumes = Object.entries(project.volumes).flatMap(([key, value]): Step[] => {
    const wanted: Wanted = { kind: 'volume', key, name: value.name ?? key };
    const found = observed.volumes[wanted.name];
    if (found === undefined) return [creation(wanted, requireOwn(wanted, value))];
    if (value.external === true || !isOther(found, hashVolume(value))) return [];
    if (options.replaceVolumes !== true)
      throw changed(
        wanted,
        `keep what it holds elsewhere and remove it: orlop volume rm ${wanted.name}; or lose it: orlop compose up --yes`,
      );
    return planReplaced(wanted, { project, observed, displaced, isPossible: options.keepReplaced !== true });
  });
  return { steps: [...networks, ...volumes], displaced };
}

function creation({ kind, key, name }: Wanted, after: readonly string[]): Step {
  return { id: `${kind}:${key}`, after, subject: `${subjects[kind]} ${name}`, act: { kind: `create-${kind}`, key } };
}

const subjects: Readonly<Record<Kind, string>> = { network: 'Network', volume: 'Volume' };

interface Replacing {
  readonly project: Project;
  readonly observed: Observed;
  readonly displaced: Set<ObservedContainer>;
  readonly isPossible: boolean;
}

/** Removed when its containers are, and made again. */
function planReplaced(wanted: Wanted, { project, observed, displaced, isPossible }: Replacing): Step[] {
  const { kind, key, name } = wanted;
  const users = observed.containers.filter((container) => container[`${kind}s`].includes(name));
  if (!isPossible || users.some(({ service, oneOff }) => oneOff || !Object.hasOwn(project.services, service)))
    throw changed(wanted, 'take the project down first: orlop compose down');
  for (const container of users) displaced.add(container);
  const removal: Step = {
    id: `un${kind}:${key}`,
    after: users.map(({ id }) => `remove:${id}`),
    subject: `${subjects[kind]} ${name}`,
    act: { kind: `remove-${kind}`, name },
  };
  return [removal, creation(wanted, [removal.id])];
}

/** failed-precondition for a network of this name that somebody else made: down would remove it. */
function requireLabel({ key, name }: Wanted, found: Readonly<Record<string, string>>): void {
  const label = found[labels.network] ?? '';
  if (label === key) return;
  throw new OrlopError(
    'failed-precondition',
    'COMPOSE_NOT_OURS',
    `network ${name} was found but has incorrect label ${labels.network} set to ${JSON.stringify(label)} (expected: ${JSON.stringify(key)})`,
    { hint: 'say "external: true" to use one that is made elsewhere, or give this one another name' },
  );
}

function isOther(found: Readonly<Record<string, string>>, hash: string): boolean {
  const known = found[labels.hash];
  return known !== undefined && known !== hash;
}

/** What is external is made by somebody else. */
function requireOwn({ kind, name }: Wanted, { external }: { readonly external?: boolean }): readonly string[] {
  if (external !== true) return [];
  throw new OrlopError('not-found', 'COMPOSE_NO_EXTERNAL', `${kind} ${name} declared as external, but could not be found`, {
    hint: `make it with orlop ${kind} create ${name}`,
  });
}

function changed({ kind, name, key }: Wanted, hint: string): OrlopError {
  return new OrlopError('failed-precondition', 'COMPOSE_CHANGED', `${kind} ${name} exists with other settings than ${key} has now`, {
    hint,
  });
}
