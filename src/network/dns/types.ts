import type { LinkedHost } from '../hosts-file.ts';

/** What the name server has to know of a container's place in a network; an `Endpoint` is one. */
export interface NamedPlace {
  readonly containerId: string;
  /** Name of the network. */
  readonly network: string;
  /** What it is called there, the container's own name first. */
  readonly names: readonly string[];
  readonly address?: string;
  readonly address6?: string;
}

/** Who is where, at this moment. Only attached places in networks that have names count: neither the default bridge nor `host` and `none`. */
export interface Directory {
  /** A container's places, in the order in which its names are looked for. */
  placesOf(containerId: string): readonly NamedPlace[];
  /** All places in a network, in order of their attachment. */
  membersOf(network: string): readonly NamedPlace[];
  /** Grows with every change of the above (attached, detached, renamed); until then what was made of them stays valid. */
  revision(): number;
}

export interface ServeOptions {
  /** Whom to ask what no container is called (`--dns`), a loopback address being the container's own; absent: the host's own servers. */
  readonly servers?: readonly string[];
  /** Whether the container is only in internal networks at this moment: then nothing is asked outside. */
  readonly isInternal?: () => boolean;
  /** What this container alone calls others (links). */
  readonly linked?: readonly LinkedHost[];
}

/** The name servers of an engine's containers. Disposing ends all of them. */
export interface NameServers extends Disposable {
  /**
   * Serves 127.0.0.11 (UDP and TCP, port 53) inside a container's network namespace, or changes the options of the server that is there. The descriptor stays the caller's.
   * The sockets keep the namespace alive: `stop` when the container ends. Fails with `failed-precondition` when 127.0.0.11 cannot be listened on.
   */
  serve(containerId: string, netnsFd: number, options?: ServeOptions): Promise<void>;
  /** Does nothing for a container that is not served. */
  stop(containerId: string): void;
}
