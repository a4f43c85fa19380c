import { dictionary, list, object, optional, rewritten, textOrNumber, text, kept, type Node, type ValueOf } from '../shape/index.ts';
import { config, include, model, network, secret, volume } from './resources.ts';
import { service } from './service.ts';

const keys = /^[a-zA-Z0-9._-]+$/;
const named = { keys };

/** null stands for nothing further. */
function orEmpty(node: Node): Node {
  if (node.kind !== 'map') return node;
  const isNull = (entry: Node): boolean => entry.kind === 'scalar' && entry.value === null && entry.mark === undefined;
  return {
    ...node,
    entries: new Map(
      [...node.entries].map(([key, entry]) => [key, isNull(entry) ? { kind: 'map', entries: new Map(), place: entry.place } : entry]),
    ),
  };
}

/** A Compose file. Source: compose-spec 03-compose-file. */
export const composeFile = object({
  version: textOrNumber(),
  name: text(),
  include: optional(list(include)),
  services: dictionary(kept(service), named),
  models: dictionary(model, named),
  networks: rewritten(dictionary(network, named), orEmpty),
  volumes: rewritten(dictionary(volume, named), orEmpty),
  secrets: dictionary(secret, named),
  configs: dictionary(config, named),
});

export type ComposeFile = ValueOf<typeof composeFile>;
