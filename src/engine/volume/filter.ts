import { OrlopError } from '#errors';
import type { VolumeView } from '#wire';
import { hasLabel } from '../labels.ts';

type Filters = Readonly<Record<string, readonly string[]>>;
type Predicate = (view: VolumeView) => boolean;

/** Docker's filters of `volume ls`. Values of one filter are alternatives (labels: all must hold); filters add up. */
export function filterVolumes(views: readonly VolumeView[], filters: Filters, isUsed: (name: string) => boolean): VolumeView[] {
  const predicates = Object.entries(filters).map(([name, values]) => predicateOf(name, values, isUsed));
  return views.filter((view) => predicates.every((holds) => holds(view)));
}

function predicateOf(name: string, values: readonly string[], isUsed: (name: string) => boolean): Predicate {
  switch (name) {
    case 'name':
      return matching(values);
    case 'driver':
      return (view) => values.includes(view.driver);
    case 'label':
      return (view) => values.every((value) => hasLabel(view.labels, value));
    case 'dangling': {
      const wanted = values.map(flagOf);
      return (view) => wanted.includes(!isUsed(view.name));
    }
    default:
      throw invalid(`invalid filter '${name}'`, 'filters are: dangling, driver, label, name');
  }
}

function matching(values: readonly string[]): Predicate {
  const patterns = values.map((value) => {
    try {
      return new RegExp(value);
    } catch {
      throw invalid(`invalid filter 'name=${value}'`, 'it is a regular expression');
    }
  });
  return (view) => patterns.some((pattern) => pattern.test(view.name));
}

function flagOf(value: string): boolean {
  if (['1', 'true'].includes(value)) return true;
  if (['0', 'false'].includes(value)) return false;
  throw invalid(`invalid filter 'dangling=${value}'`, 'it is true or false');
}

function invalid(message: string, hint: string): OrlopError {
  return new OrlopError('invalid-argument', 'ENGINE_FILTER_INVALID', message, { hint });
}
