import { randomBytes } from 'node:crypto';
import type { Logger } from '#log';
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
import type { IdRange, IdRanges } from './id-ranges.ts';
import { usualSkeleton } from './spec/skeleton.ts';

/**
 * `own`: all namespaces new, with a user namespace and a range · `shared-users`: the host's user namespace, the rest new ·
 * `shared-network`: the host's user and network namespaces.
 */
export type SandboxShape = 'own' | 'shared-users' | 'shared-network';

/** Namespaces of a running container that a sandbox is made in; descriptors are borrowed. Its range, when the user namespace is shared too. */
export interface JoinedNamespaces {
  readonly net: number;
  readonly user: number | null;
  readonly idRange: IdRange | null;
}

/** A parked process and what it holds on the host, ready to become any container of its shape and skeleton. */
export interface ReadySandbox {
  readonly shape: SandboxShape;
  readonly sandbox: Sandbox;
  readonly cgroup: Cgroup;
  readonly idRange: IdRange | null;
  /** The data root as the container's ids see it (idmapped); null without a user namespace. Closed by `release` and `discard`. */
  readonly view: number | null;
  /** Lets go of what only the start needed. */
  release(): void;
  /** Ends the process and removes all it holds. */
  discard(): Promise<void>;
}

export interface SandboxPool extends AsyncDisposable {
  /** The usual ones are ready; any other is made now. */
  take(shape: SandboxShape, skeleton: Skeleton): Promise<ReadySandbox>;
  /** One with the network of another container, made now. */
  join(shape: SandboxShape, skeleton: Skeleton, joined: JoinedNamespaces): Promise<ReadySandbox>;
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
  /** How many sandboxes of shape `own` with an app's usual skeleton are kept ready. */
  readonly size: number;
  readonly logger: Logger;
}

const namespacesOf: Readonly<Record<SandboxShape, readonly NamespaceName[]>> = {
  own: ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'],
  'shared-users': ['mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'],
  'shared-network': ['mnt', 'pid', 'ipc', 'uts', 'cgroup'],
};

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
  let making = 0;
  let closed = false;
  let timer: NodeJS.Timeout | null = null;
  let whenSettled: (() => void) | null = null;

  const refill = (): void => {
    while (!closed && ready.length + making < options.size) {
      making++;
      void makeSandbox(options, 'own', usual)
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
    async take(shape, skeleton) {
      if (shape !== 'own' || skeletonKey(skeleton) !== usualKey) return makeSandbox(options, shape, skeleton);
      let candidate = ready.shift();
      while (candidate !== undefined && !candidate.sandbox.isAlive()) {
        void candidate.discard().catch((error: unknown) => options.logger.warn('a dead sandbox could not be cleared', { error }));
        candidate = ready.shift();
      }
      if (ready.length <= options.size / 2) refillSoon();
      return candidate ?? makeSandbox(options, 'own', usual);
    },
    join: (shape, skeleton, joined) => makeSandbox(options, shape, skeleton, joined),
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
  shape: SandboxShape,
  skeleton: Skeleton,
  joined: JoinedNamespaces | null = null,
): Promise<ReadySandbox> {
  await using undo = new AsyncDisposableStack();
  const cgroup = createCgroup(options.cgroups, `${options.cgroupParent}/${randomBytes(8).toString('hex')}`);
  undo.defer(() => cgroup.remove());
  const idRange = shape === 'own' ? takeRange(options.idRanges, joined) : null;
  if (idRange !== null) undo.defer(() => options.idRanges.release(idRange));
  const sandbox = undo.use(
    await openSandbox({
      addon: options.addon,
      bosun: options.bosun,
      namespaces: namespacesOf[shape].map((name) => requestOf(name, joined)),
      cgroup,
      skeleton,
      ...(idRange === null ? {} : { idMap: idMapOf(idRange) }),
    }),
  );
  const view = idRange === null ? null : openView(options, sandbox);
  const parts = undo.move();
  let viewOpen = view !== null;
  const release = (): void => {
    if (viewOpen && view !== null) options.addon.close(view);
    viewOpen = false;
  };
  return {
    shape,
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

function takeRange(idRanges: IdRanges, joined: JoinedNamespaces | null): IdRange {
  const shared = joined?.idRange ?? null;
  if (shared === null) return idRanges.take();
  idRanges.hold(shared);
  return shared;
}

function requestOf(name: NamespaceName, joined: JoinedNamespaces | null): NamespaceRequest {
  const join = name === 'net' ? joined?.net : name === 'user' ? joined?.user : undefined;
  return join === undefined || join === null ? { name } : { name, join };
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
