import type { Client } from '#client';
import { isOrlopError } from '#errors';
import type { DockerNetwork, DockerNetworkCreate } from '#wire';
import { createName } from './names.ts';

export interface NetworkOptions {
  /** Made up without it. */
  readonly name?: string;
  readonly driver?: string;
  /** No way out of it. */
  readonly internal?: boolean;
  /** `10.9.0.0/24`; chosen without it. */
  readonly subnet?: string;
  readonly ipv6?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
}

/** A network that is there. */
export interface Network {
  readonly id: string;
  readonly name: string;
  inspect(): Promise<DockerNetwork>;
  /** A container, running or not, gets a place in it. */
  connect(container: string | { readonly id: string }, options?: { aliases?: readonly string[] }): Promise<void>;
  disconnect(container: string | { readonly id: string }, options?: { force?: boolean }): Promise<void>;
  /** permission-denied, as Docker has it, while containers are in it. */
  remove(): Promise<void>;
}

/** A network that goes when it leaves scope; containers that are in it must have gone before. */
export interface OwnedNetwork extends Network, AsyncDisposable {
  /** It stays after all. */
  keep(): Network;
}

export interface Networks {
  /** conflict when the name or the subnet is taken. */
  create(options?: NetworkOptions): Promise<OwnedNetwork>;
  /** `ref`: a name, an id, or the start of one. It stays when this leaves scope. */
  get(ref: string): Promise<Network>;
  /** In Docker's fields. */
  list(): Promise<DockerNetwork[]>;
}

export function createNetworks(client: Client, creating: () => Promise<Client>): Networks {
  const handle = (id: string, name: string): Network => networkOf(client, id, name);
  return {
    async create(options = {}) {
      const name = options.name ?? createName();
      const { Id: id } = await (await creating()).networks.create(bodyOf(name, options));
      return own(handle(id, name));
    },
    async get(ref) {
      const { Id: id, Name: name } = await client.networks.inspect(ref);
      return handle(id, name);
    },
    list: () => client.networks.list(),
  };
}

function bodyOf(name: string, { driver, internal, subnet, ipv6, labels, options }: NetworkOptions): DockerNetworkCreate {
  return {
    Name: name,
    ...(driver === undefined ? {} : { Driver: driver }),
    ...(internal === undefined ? {} : { Internal: internal }),
    ...(ipv6 === undefined ? {} : { EnableIPv6: ipv6 }),
    ...(subnet === undefined ? {} : { IPAM: { Config: [{ Subnet: subnet }] } }),
    ...(labels === undefined ? {} : { Labels: { ...labels } }),
    ...(options === undefined ? {} : { Options: { ...options } }),
  };
}

function networkOf({ networks }: Client, id: string, name: string): Network {
  const idOf = (container: string | { readonly id: string }): string => (typeof container === 'string' ? container : container.id);
  return {
    id,
    name,
    inspect: () => networks.inspect(id),
    connect: (container, { aliases } = {}) => networks.connect(id, idOf(container), aliases === undefined ? {} : { Aliases: [...aliases] }),
    disconnect: (container, options) => networks.disconnect(id, idOf(container), options),
    remove: () => networks.remove(id),
  };
}

function own(network: Network): OwnedNetwork {
  let isKept = false;
  return {
    ...network,
    keep() {
      isKept = true;
      return network;
    },
    async [Symbol.asyncDispose]() {
      if (isKept) return;
      await network.remove().catch((error: unknown) => {
        if (!isOrlopError(error, 'not-found')) throw error;
      });
    },
  };
}
