import { OrlopError } from '#errors';
import { hasLabel } from '../labels.ts';
import type { ContainerFilter, ContainerView } from '../model.ts';
import { exposesPort, publishesPort } from './port-filter.ts';

type Predicate = (view: ContainerView) => boolean;
type Filters = Readonly<Record<string, readonly string[]>>;

const healthStates: ReadonlySet<string> = new Set(['none', 'starting', 'healthy', 'unhealthy']);
const statuses = new Set(['created', 'running', 'paused', 'restarting', 'exited', 'removing', 'dead']);

/** Docker's `ps` filters over views, newest first; `descendants`: ids of an image and of those that were built on it. Values of one filter are alternatives (labels: all must hold); filters add up. */
export function filterContainers(
  views: readonly ContainerView[],
  filter: ContainerFilter,
  descendants: (image: string) => ReadonlySet<string> = () => new Set(),
): ContainerView[] {
  const filters = filter.filters ?? {};
  const newestFirst = [...views].sort((a, b) => (a.createdAtNs < b.createdAtNs ? 1 : -1));
  const limit = filter.limit ?? 0;
  const everyState = filter.all === true || limit > 0 || 'status' in filters || 'exited' in filters;
  const predicates: Predicate[] = Object.entries(filters).map(([name, values]) => predicateOf(name, values, views, descendants));
  if (!everyState) predicates.push((view) => ['running', 'paused', 'restarting'].includes(view.status));
  const kept = newestFirst.filter((view) => predicates.every((holds) => holds(view)));
  return limit > 0 ? kept.slice(0, limit) : kept;
}

function predicateOf(
  name: string,
  values: Filters[string],
  all: readonly ContainerView[],
  descendants: (image: string) => ReadonlySet<string>,
): Predicate {
  switch (name) {
    case 'id':
      return (view) => values.some((value) => view.id.startsWith(value));
    case 'name':
      return nameMatches(values);
    case 'status':
      return statusIn(values);
    case 'kind':
      return (view) => values.includes(view.kind);
    case 'label':
      return (view) => values.every((value) => hasLabel(view.labels, value));
    case 'ancestor':
      return hasAncestor(values, descendants);
    case 'is-task':
      return isTask(values);
    case 'isolation':
      // As Docker on Linux, where no container has one to tell by.
      return () => true;
    case 'exited':
      return exitedWith(values);
    case 'health':
      requireKnown('health', values, healthStates, (value) => `unrecognised filter value for health: ${value}`);
      return (view) => values.includes(view.health?.status ?? 'none');
    case 'network':
      return (view) => view.endpoints.some(({ network, networkId }) => values.includes(network) || values.includes(networkId));
    case 'publish':
      return publishesPort(values);
    case 'expose':
      return exposesPort(values);
    case 'volume':
      return (view) => view.mounts.some(({ name, source, target }) => values.includes(name ?? source) || values.includes(target));
    case 'before':
    case 'since':
      return aroundContainer(name, values, all);
    default:
      throw new OrlopError('invalid-argument', 'ENGINE_FILTER_UNKNOWN', `invalid filter '${name}'`, {
        hint: 'filters are: ancestor, before, exited, expose, health, id, kind, label, name, network, publish, since, status, volume',
      });
  }
}

function exitedWith(values: readonly string[]): Predicate {
  const bad = values.find((value) => !/^\d+$/.test(value));
  if (bad !== undefined)
    throw new OrlopError('invalid-argument', 'ENGINE_FILTER_INVALID', `invalid filter 'exited=${bad}'`, { hint: 'it is an exit code' });
  return (view) => view.status === 'exited' && values.some((value) => Number(value) === view.exitCode);
}

function nameMatches(values: readonly string[]): Predicate {
  const patterns = values.map((value) => {
    try {
      return new RegExp(value);
    } catch (cause) {
      throw new OrlopError('invalid-argument', 'ENGINE_FILTER_INVALID', `invalid name filter '${value}'`, {
        hint: 'it is a regular expression',
        cause,
      });
    }
  });
  return (view) => patterns.some((pattern) => pattern.test(view.name) || pattern.test(`/${view.name}`));
}

function statusIn(values: readonly string[]): Predicate {
  requireKnown('status', values, statuses, (value) => `invalid filter 'status=${value}'`);
  return (view) => values.includes(view.status);
}

function requireKnown(name: string, values: readonly string[], known: ReadonlySet<string>, say: (value: string) => string): void {
  const unknown = values.find((value) => !known.has(value));
  if (unknown === undefined) return;
  throw new OrlopError('invalid-argument', 'ENGINE_FILTER_INVALID', say(unknown), { hint: `${name} is one of ${[...known].join(', ')}` });
}

/** Containers of a swarm's services are none of ours. */
function isTask(values: readonly string[]): Predicate {
  const unknown = values.find((value) => !['true', 'false', '1', '0'].includes(value));
  if (unknown !== undefined) throw new OrlopError('invalid-argument', 'ENGINE_FILTER_INVALID', `invalid filter 'is-task=${unknown}'`);
  return () => values.some((value) => value === 'false' || value === '0');
}

function hasAncestor(values: readonly string[], descendants: (image: string) => ReadonlySet<string>): Predicate {
  const ids = new Set(values.flatMap((value) => [...descendants(value)]));
  return (view) => ids.has(view.imageId) || values.some((value) => isAncestor(view, value));
}

function isAncestor(view: ContainerView, wanted: string): boolean {
  const plain = (name: string): string => (name.includes(':', name.lastIndexOf('/') + 1) ? name : `${name}:latest`);
  const id = view.imageId.replace('sha256:', '');
  return plain(view.imageName) === plain(wanted) || (wanted.length >= 4 && id.startsWith(wanted.replace('sha256:', '')));
}

function aroundContainer(name: 'before' | 'since', values: readonly string[], all: readonly ContainerView[]): Predicate {
  const marks = values.map((value) => {
    const mark = all.find((view) => view.name === value || view.id.startsWith(value));
    if (mark === undefined) throw new OrlopError('not-found', 'ENGINE_CONTAINER_NOT_FOUND', `No such container: ${value}`);
    return mark.createdAtNs;
  });
  return (view) => marks.every((mark) => (name === 'before' ? view.createdAtNs < mark : view.createdAtNs > mark));
}
