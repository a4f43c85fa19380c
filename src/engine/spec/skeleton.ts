import type { Linux, LinuxDevice, SpecMount } from '#oci';
import { maskedPaths, readonlyPaths, skeletonOf, type Skeleton } from '#runtime';
import type { ContainerRecord } from '../container/record.ts';
import type { CreateRequest } from '../model.ts';
import { joinedId } from './namespaces.ts';
import type { ResolvedMount } from '../volume/resolved-mount.ts';
import { planMounts } from './mounts.ts';

/** What a container's file systems depend on before its root is known. */
export type SkeletonFacts = Pick<ContainerRecord, 'kind' | 'request' | 'network'> & {
  /** The container has a user namespace of its own. */
  readonly ownUsers: boolean;
  /** The engine runs in a machine, which has fewer ids than a host. */
  readonly inMachine?: boolean;
  /** Beyond those that every container has. */
  readonly devices?: readonly LinuxDevice[];
  readonly mounts?: readonly ResolvedMount[];
  /** Mounts that stand behind all others in the spec. */
  readonly last?: readonly SpecMount[];
};

/** What a sandbox can have ready for a container: its file systems but for the root and what is bound into it. Pure. */
export function planSkeleton(facts: SkeletonFacts): Skeleton {
  return skeletonOf({
    ociVersion: '1.2.0',
    mounts: [...planMounts(facts.kind, facts.request, facts.mounts), ...(facts.last ?? [])],
    linux: { ...planVisibility(facts), sysctl: defaultSysctls(facts), devices: [...(facts.devices ?? [])] },
  });
}

/** That of an app about which nothing special was asked. */
export function usualSkeleton(): Skeleton {
  return planSkeleton({ kind: 'app', request: { kind: 'app', image: '' }, network: 'bridge', ownUsers: true });
}

/** What of /proc and /sys is hidden from an app, and what it may not write; who is privileged sees all, whatever was chosen. */
export function planVisibility({ kind, request }: Pick<SkeletonFacts, 'kind' | 'request'>): Pick<Linux, 'maskedPaths' | 'readonlyPaths'> {
  if (request.privileged === true) return {};
  const usual = kind === 'app' ? { maskedPaths: [...maskedPaths], readonlyPaths: [...readonlyPaths] } : {};
  return { ...usual, ...chosenPaths(request) };
}

/** Those that were asked for instead of the usual ones. */
export function chosenPaths(request: Pick<CreateRequest, 'maskedPaths' | 'readonlyPaths'>): Pick<Linux, 'maskedPaths' | 'readonlyPaths'> {
  return {
    ...(request.maskedPaths === undefined ? {} : { maskedPaths: [...request.maskedPaths] }),
    ...(request.readonlyPaths === undefined ? {} : { readonlyPaths: [...request.readonlyPaths] }),
  };
}

/** Docker's: anyone in the container may ping and listen on low ports of its own network. */
export function defaultSysctls({
  network,
  ownUsers,
  inMachine = false,
}: Pick<SkeletonFacts, 'network' | 'ownUsers' | 'inMachine'>): Record<string, string> {
  // Those of a network that belongs to somebody else are its owner's.
  if (network === 'host' || joinedId(network) !== null) return {};
  return {
    'net.ipv4.ip_unprivileged_port_start': '0',
    // The group ids must be mapped in the user namespace that owns the network.
    'net.ipv4.ping_group_range': ownUsers || inMachine ? '0 65535' : '0 2147483647',
  };
}
