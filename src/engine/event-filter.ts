import { OrlopError } from '#errors';
import { hasLabel } from './labels.ts';
import type { EngineEvent } from './model.ts';

type Predicate = (event: EngineEvent) => boolean;

/** Docker's filters of events. Values of one filter are alternatives (labels: all must hold); filters add up. Fails at once on one that is none. */
export function filterEvents(
  events: AsyncIterable<EngineEvent>,
  filters: Readonly<Record<string, readonly string[]>>,
): AsyncIterable<EngineEvent> {
  const predicates = Object.entries(filters).map(([name, values]) => predicateOf(name, values));
  return predicates.length === 0 ? events : keep(events, (event) => predicates.every((holds) => holds(event)));
}

async function* keep(events: AsyncIterable<EngineEvent>, holds: Predicate): AsyncGenerator<EngineEvent> {
  for await (const event of events) if (holds(event)) yield event;
}

function predicateOf(name: string, values: readonly string[]): Predicate {
  switch (name) {
    case 'type':
      return ({ type }) => values.includes(type);
    case 'event':
      // Without what stands behind the colon: `health_status`, `exec_start`.
      return ({ action }) => values.some((value) => action === value || action.startsWith(`${value}:`));
    case 'scope':
      return () => values.includes('local');
    case 'label':
      return ({ attributes }) => values.every((value) => hasLabel(attributes, value));
    case 'image':
      return (event) => isNamed(event, values, event.type === 'image') || isImage(event.attributes['image'] ?? '', values);
    case 'container':
    case 'network':
    case 'volume':
    case 'daemon':
    case 'plugin':
    case 'node':
    case 'service':
    case 'secret':
    case 'config':
      return (event) => isNamed(event, values, event.type === name);
    default:
      throw new OrlopError('invalid-argument', 'ENGINE_FILTER_UNKNOWN', `invalid filter '${name}'`, {
        hint: 'filters are: config, container, daemon, event, image, label, network, node, plugin, scope, secret, service, type, volume',
      });
  }
}

/** With its tag or without, as Docker has it. */
function isImage(name: string, values: readonly string[]): boolean {
  const tag = name.indexOf(':', name.lastIndexOf('/') + 1);
  return values.includes(name) || (tag > 0 && values.includes(name.slice(0, tag)));
}

/** By the beginning of its id or its name. */
function isNamed({ id, attributes }: EngineEvent, values: readonly string[], isOfType: boolean): boolean {
  return isOfType && values.some((value) => id.startsWith(value) || (attributes['name'] ?? '').startsWith(value));
}
