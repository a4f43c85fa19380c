import type { Endpoint } from '../types.ts';

export type PortProtocol = 'tcp' | 'udp' | 'sctp';

/** A port of a container that is to be reached through the host. */
export interface PortWish {
  readonly containerPort: number;
  readonly protocol: PortProtocol;
  /** Absent: where the engine publishes by default, on every address if it was not told otherwise. */
  readonly hostAddress?: string;
  /** Absent: any free one. A range: any free one of it. */
  readonly hostPort?: { readonly first: number; readonly last: number };
}

/** A port of a container and the host's port that leads to it: JSON-safe. */
export interface PublishedPort {
  readonly containerPort: number;
  readonly protocol: PortProtocol;
  /** `0.0.0.0` and `::` are every address of the family. */
  readonly hostAddress: string;
  /** 0: none, since the container's network is routed: it is reached at its own address (`gateway_mode_ipv4` and `_ipv6`). */
  readonly hostPort: number;
}

/** A tracked conversation; its id is another's after it has been forgotten. */
export interface Conversation {
  readonly id: string;
  /** Both sides have ended it: the kernel only remembers it. */
  readonly isOver: boolean;
}

/** The published ports of one engine's containers. */
export interface Ports {
  /**
   * Chooses host ports and keeps them for the container; the caller stores the answer. All or none: fails with `conflict` when a port is in use by
   * a container or another program, `resource-exhausted` when no port is left, `invalid-argument` for an address that is none or that the host does not have.
   */
  reserve(containerId: string, wishes: readonly PortWish[]): Promise<PublishedPort[]>;
  /** Takes up what an earlier engine reserved. What another program has taken meanwhile is logged and goes on. */
  hold(containerId: string, ports: readonly PublishedPort[]): void;
  /** Lets the ports lead to the container's endpoint. Asked again with other ports, it changes what there was: what is not named any more is given up. */
  open(containerId: string, endpoint: Endpoint, ports: readonly PublishedPort[]): Promise<void>;
  /** Lends the socket that holds a port, to be served: it is the caller's to close. null when none does. The port stays the container's. */
  lend(containerId: string, port: PublishedPort): number | null;
  /** These ports are the container's, and somebody serves them for it. */
  claim(containerId: string, ports: readonly PublishedPort[]): void;
  /** Nothing more comes to the container than what does already; its ports stay its own. */
  pause(containerId: string): Promise<void>;
  /** What goes on between others and the published ports of these containers, as the kernel tracks it. */
  conversations(containerIds: readonly string[]): ReadonlyMap<string, readonly Conversation[]>;
  /** Nothing leads to the container any more, and its ports are free. Idempotent. */
  close(containerId: string): Promise<void>;
}
