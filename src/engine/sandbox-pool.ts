import { randomBytes } from 'node:crypto';
import type { Logger } from '#log';
import type { LinuxDeviceCgroup } from '#oci';
import {
  createCgroup,
  openSandbox,
  skeletonKey,
  type Cgroup,
  type CgroupLayout,
  type NamespaceName,
  type NamespaceRequest,
  type Sandbox,
  type Skeleton,
} from '#runtime';
import { idmappedView, type Addon } from '#sys';
import { isShifted, type IdRange, type IdRanges } from './id-ranges.ts';
import { usualDeviceRules } from './spec/devices.ts';
import { usualSkeleton } from './spec/skeleton.ts';

/** Those namespaces of a sandbox that are not new. */
export interface SandboxNamespaces {
  /** The host's. */
  readonly shared: ReadonlySet<NamespaceName>;
  /** Of running containers; descriptors are borrowed. */
  readonly joined: ReadonlyMap<NamespaceName, number>;
  /** Of the user namespace, when that is joined. */
  readonly idRange: IdRange | null;
}

/** All of them new, with a range of user ids. */
export const ownNamespaces: SandboxNamespaces = { shared: new Set(), joined: new Map(), idRange: null };

/** A parked process and what it holds on the host, ready to become any container with its namespaces and skeleton. */
export interface ReadySandbox {
  readonly sandbox: Sandbox;
  readonly cgroup: Cgroup;
  readonly idRange: IdRange | null;
  /** The data root as the container's ids see it (idmapped); null where they are the host's. Closed by `release` and `discard`. */
  readonly view: number | null;
  /** Lets go of what only the start needed. */
  release(): void;
  /** Ends the process and removes all it holds. */
  discard(): Promise<void>;
}

/** What a container's sandbox is to be beyond the usual. */
export interface SandboxWishes {
  /** How many user ids; 65,536 without it. */
  readonly ids?: number | undefined;
  /** The path of its cgroup, where one was asked for. */
  readonly path?: string | undefined;
  /** Rules about devices; those of every container without them. */
  readonly devices: readonly LinuxDeviceCgroup[];
}

export interface SandboxPool extends AsyncDisposable {
  /** The usual ones are ready; any other is made now. */
  take(namespaces: SandboxNamespaces, skeleton: Skeleton, options: SandboxWishes): Promise<ReadySandbox>;
  /** Begins to keep sandboxes ready: once what an earlier engine left has been swept. */
  fill(): void;
}

export interface SandboxPoolOptions {
  readonly addon: Addon;
  readonly bosun: string;
  readonly dataRoot: string;
  readonly cgroups: CgroupLayout;
  /** Below this each sandbox has its own cgroup. */
  readonly cgroupParent: string;
  readonly idRanges: IdRanges;
  /** How many sandboxes with namespaces of their own and an app's usual skeleton are kept ready. */
  readonly size: number;
  readonly logger: Logger;
}

const names: readonly NamespaceName[] = ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'];

/** Making a sandbox takes the processor, and locks of the kernel, that the start which took the last one needs. */
const refillAfterMs = 20;

/**
 * Keeps sandboxes ready, because the slow part of a start is waiting for the kernel: taking the host's tree off waits for an RCU grace period (5 to 14 ms),
 * a network namespace takes up to 3 ms, forty mounts one.
 */
export function createSandboxPool(options: SandboxPoolOptions): SandboxPool {
  const ready: ReadySandbox[] = [];
  const usual = usualSkeleton();
  const usualKey = skeletonKey(usual);
  const usualRules = usualDeviceRules(options.cgroups);
  let making = 0;
  let closed = false;
  let timer: NodeJS.Timeout | null = null;
  let whenSettled: (() => void) | null = null;

  const refill = (): void => {
    while (!closed && ready.length + making < options.size) {
      making++;
      void makeSandbox(options, ownNamespaces, usual, { devices: usualRules })
        .then((sandbox) => (closed ? sandbox.discard() : void ready.push(sandbox)))
        .catch((error: unknown) => options.logger.warn('no sandbox could be made ready', { error }))
        .finally(() => {
          making--;
          settle();
        });
    }
  };
  /** Several at once: they share the kernel's waits, and most starts meet none of it. */
  const refillSoon = (): void => {
    timer ??= setTimeout(() => {
      timer = null;
      refill();
    }, refillAfterMs).unref();
  };
  const settle = (): void => {
    if (making === 0) whenSettled?.();
  };

  return {
    fill: refill,
    async take(namespaces, skeleton, wishes) {
      const own = namespaces.shared.size + namespaces.joined.size === 0 && wishes.path === undefined && wishes.ids === undefined;
      const usualCgroup = JSON.stringify(wishes.devices) === JSON.stringify(usualRules);
      if (!own || !usualCgroup || skeletonKey(skeleton) !== usualKey) return makeSandbox(options, namespaces, skeleton, wishes);
      let candidate = ready.shift();
      while (candidate !== undefined && !candidate.sandbox.isAlive()) {
        void candidate.discard().catch((error: unknown) => options.logger.warn('a dead sandbox could not be cleared', { error }));
        candidate = ready.shift();
      }
      if (ready.length <= options.size / 2) refillSoon();
      return candidate ?? makeSandbox(options, ownNamespaces, usual, { devices: usualRules });
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      await Promise.all(ready.splice(0).map((sandbox) => sandbox.discard()));
      if (making > 0) await new Promise<void>((resolve) => (whenSettled = resolve));
    },
  };
}

async function makeSandbox(
  options: SandboxPoolOptions,
  namespaces: SandboxNamespaces,
  skeleton: Skeleton,
  { path = `${options.cgroupParent}/${randomBytes(8).toString('hex')}`, devices, ids }: SandboxWishes,
): Promise<ReadySandbox> {
  await using undo = new AsyncDisposableStack();
  const cgroup = createCgroup(options.cgroups, path);
  undo.defer(() => cgroup.remove());
  // Ahead of time, like all that takes some.
  if (devices.length > 0) cgroup.apply({ devices: [...devices] });
  const idRange = namespaces.shared.has('user') ? null : takeRange(options.idRanges, namespaces.idRange, ids);
  if (idRange !== null) undo.defer(() => options.idRanges.release(idRange));
  const sandbox = undo.use(
    await openSandbox({
      addon: options.addon,
      bosun: options.bosun,
      namespaces: requestsOf(namespaces),
      cgroup,
      skeleton,
      ...(idRange === null ? {} : { idMap: idMapOf(idRange) }),
    }),
  );
  const view = isShifted(idRange) ? openView(options, sandbox) : null;
  const parts = undo.move();
  let viewOpen = view !== null;
  const release = (): void => {
    if (viewOpen && view !== null) options.addon.close(view);
    viewOpen = false;
  };
  return {
    sandbox,
    cgroup,
    idRange,
    view,
    release,
    async discard() {
      release();
      await parts.disposeAsync();
    },
  };
}

function takeRange(idRanges: IdRanges, joined: IdRange | null, ids: number | undefined): IdRange {
  if (joined === null) return idRanges.take(ids);
  idRanges.hold(joined);
  return joined;
}

function requestsOf({ shared, joined }: SandboxNamespaces): NamespaceRequest[] {
  return names
    .filter((name) => !shared.has(name))
    .map((name) => {
      const join = joined.get(name);
      return join === undefined ? { name } : { name, join };
    });
}

function openView(options: SandboxPoolOptions, sandbox: Sandbox): number {
  const users = sandbox.openNamespace('user');
  try {
    return idmappedView(options.addon, options.dataRoot, users);
  } finally {
    options.addon.close(users);
  }
}

function idMapOf(range: IdRange) {
  const lines = [{ containerID: 0, hostID: range.first, size: range.count }];
  return { uids: lines, gids: lines };
}
