import { OrlopError } from '#errors';
import { hasLabel } from '../labels.ts';
import type { NetworkFilters, NetworkView } from '../model.ts';

type Predicate = (view: NetworkView) => boolean;

/** Docker's filters of networks. Values of one filter are alternatives (labels: all must hold); filters add up. */
export function filterNetworks(views: readonly NetworkView[], filters: NetworkFilters): NetworkView[] {
  const predicates = Object.entries(filters).map(([name, values]) => predicateOf(name, values));
  return views.filter((view) => predicates.every((holds) => holds(view)));
}

function predicateOf(name: string, values: readonly string[]): Predicate {
  switch (name) {
    case 'driver':
      return (view) => values.includes(view.driver === 'none' ? 'null' : view.driver);
    case 'id':
      return (view) => values.some((value) => view.id.startsWith(value));
    case 'name':
      return (view) => values.some((value) => view.name.includes(value));
    case 'label':
      return (view) => values.every((value) => hasLabel(view.labels, value));
    case 'scope':
      return () => values.includes('local');
    case 'type':
      return ofType(values);
    case 'dangling':
      return isDangling(values);
    default:
      throw invalid(`invalid filter '${name}'`, 'filters are: dangling, driver, id, label, name, scope, type');
  }
}

function ofType(values: readonly string[]): Predicate {
  const unknown = values.find((value) => value !== 'builtin' && value !== 'custom');
  if (unknown !== undefined) throw invalid(`invalid filter: 'type'='${unknown}'`, 'it is builtin or custom');
  return (view) => values.includes(view.isBuiltIn ? 'builtin' : 'custom');
}

/** Networks that users made and nobody is in. */
function isDangling(values: readonly string[]): Predicate {
  const wanted = values.map((value) => {
    if (['true', '1'].includes(value)) return true;
    if (['false', '0'].includes(value)) return false;
    throw invalid(`invalid filter 'dangling=${value}'`, 'it is true or false');
  });
  return (view) => wanted.includes(!view.isBuiltIn && view.members.length === 0);
}

function invalid(message: string, hint: string): OrlopError {
  return new OrlopError('invalid-argument', 'ENGINE_FILTER_INVALID', message, { hint });
}
