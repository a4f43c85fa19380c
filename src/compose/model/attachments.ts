import { dictionary, list, namesAsKeys, object, rewritten, text, textOrNumber, whole, type Shape } from '../shape/index.ts';
import { names } from './parts.ts';

const options = dictionary(textOrNumber(), { empty: '' });

const serviceNetwork = object({
  aliases: names(),
  driver_opts: options,
  gw_priority: whole(),
  interface_name: text(),
  ipv4_address: text(),
  ipv6_address: text(),
  link_local_ips: names(),
  mac_address: text(),
  priority: whole(),
});

/** A shape that may be null, which is shown. */
function orNull<T>(shape: Shape<T>): Shape<T | null> {
  return {
    read: (node, reading) => shape.read(node, reading),
    // A name alone says nothing new.
    merge: (base, over) => (base === null ? over : over === null ? base : shape.merge(base, over)),
    print: (value, form) => (value === null ? null : shape.print(value, form)),
    hides: () => false,
  };
}

/** Networks of a service by name, with what is wished there. */
export const serviceNetworks = rewritten(dictionary(orNull(serviceNetwork), { empty: null }), namesAsKeys);

export const serviceModels = rewritten(
  dictionary(orNull(object({ endpoint_var: text(), model_var: text() })), { empty: null }),
  namesAsKeys,
);

const driverLogging = object({ driver: text(), options });
/** Options of different drivers do not mix. */
export const logging: typeof driverLogging = {
  ...driverLogging,
  merge: (base, over) =>
    base.driver !== undefined && over.driver !== undefined && base.driver !== over.driver ? over : driverLogging.merge(base, over),
};

const providerOption: Shape<readonly string[]> = {
  ...list(textOrNumber()),
  read: (node, reading) => {
    const words = node.kind === 'list' ? node.items : [node];
    return words.flatMap((word) =>
      word.kind === 'scalar' && word.value !== null ? [String(word.value)] : (textOrNumber().read(word, reading) ?? []),
    );
  },
};
export const provider = object({ type: text(), options: dictionary(providerOption) }, ['type']);
