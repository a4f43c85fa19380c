import { derived, dictionary, flag, list, object, pairs, shortOr, size, text, type Shape, type ValueOf } from '../shape/index.ts';
import { contextPath, isRemote, resolvePath } from './paths.ts';
import { extraHosts, fileReferences, names, texts, ulimit } from './parts.ts';

type Contexts = Readonly<Record<string, string>>;

function additionalContexts(): Shape<Contexts> {
  return derived(pairs(''), (contexts, reading) =>
    Object.fromEntries(Object.entries(contexts).map(([name, value]) => [name, isRemote(value) ? value : resolvePath(value, reading)])),
  );
}

export interface SshKey {
  readonly id: string;
  readonly path: string;
}

/** `default`, or ids with the path of a key or a socket. */
function ssh(): Shape<readonly SshKey[]> {
  const read = pairs('');
  const keys = list(text());
  return {
    read: (node, reading) => {
      const found = read.read(node, reading);
      return found === undefined ? undefined : Object.entries(found).map(([id, path]) => ({ id, path }));
    },
    merge: (base, over) => [...base.filter(({ id }) => !over.some((key) => key.id === id)), ...over],
    print: (value, form) =>
      keys.print(
        value.map(({ id, path }) => (path === '' ? id : `${id}=${path}`)),
        form,
      ),
  };
}

/** A truth or a text, kept as a text. */
const truthOrText: Shape<string> = {
  ...text(),
  read: (node, reading) => (node.kind === 'scalar' && typeof node.value === 'boolean' ? String(node.value) : text().read(node, reading)),
};

const full = object({
  context: contextPath(),
  dockerfile: text(),
  dockerfile_inline: text(),
  entitlements: texts(),
  args: pairs(null),
  provenance: truthOrText,
  sbom: truthOrText,
  ssh: ssh(),
  labels: pairs(''),
  cache_from: texts(),
  cache_to: texts(),
  no_cache: flag(),
  additional_contexts: additionalContexts(),
  pull: flag(),
  extra_hosts: extraHosts(),
  isolation: text(),
  network: text(),
  target: text(),
  secrets: fileReferences('', false),
  shm_size: size(),
  tags: names(),
  ulimits: dictionary(ulimit()),
  platforms: texts(),
  privileged: flag(),
});

export type BuildConfig = ValueOf<typeof full>;

/** How a service's image is built; a text is its context. */
export function build(): Shape<BuildConfig> {
  const short = shortOr(full, (context, reading) => ({ context: isRemote(context) ? context : resolvePath(context, reading) }));
  return short;
}
