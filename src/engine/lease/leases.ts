import { randomBytes } from 'node:crypto';
import { OrlopError } from '#errors';
import { leaseLabel, type LeaseRequest, type LeaseView } from '#wire';
import type { EngineContext } from '../context.ts';
import { leaseIdsOf, membersOf, removeMembers } from './members.ts';

/** How long a lease of before a restart waits for the client that held it. */
const restartGraceMs = 10_000;
/** Until what could not be removed is tried again. */
const retryMs = 10_000;
const maximumGraceMs = 24 * 3_600_000;

/** One client's hold on a lease. */
export interface LeaseHold {
  readonly id: string;
  /** Nobody held it, and nothing belonged to it. */
  readonly isNew: boolean;
  /** The client has gone. The lease ends with its last hold, at once or after its grace. */
  release(): void;
}

/** Leases as clients deal with them. */
export interface LeaseVerbs {
  /** not-found never: an id that nobody knows is taken up as new. conflict while it ends. */
  hold(request: LeaseRequest): LeaseHold;
  /** Removes all that belongs to it and resolves when it is gone. not-found; conflict naming what others still use, which is tried again. */
  end(id: string): Promise<void>;
  list(): LeaseView[];
}

/** Disposing ends none of them, but waits for those that are being ended. */
export interface Leases extends LeaseVerbs, AsyncDisposable {
  /** Makes something that belongs to the lease that its labels name, if they do; failed-precondition or conflict unless that is open. The lease does not end meanwhile. */
  during<Made>(labels: Readonly<Record<string, string>> | undefined, make: () => Promise<Made>): Promise<Made>;
}

interface Lease {
  readonly id: string;
  readonly holds: Set<symbol>;
  readonly making: Set<Promise<unknown>>;
  graceMs: number;
  /** Nobody can take it up any more, whatever becomes of the removal. */
  isEnding: boolean;
  /** Its end, or another try at it. */
  timer: NodeJS.Timeout | null;
  ending: Promise<void> | null;
}

/**
 * Leases bind containers, networks and volumes to the life of clients. What belongs to one says so in its own record, by a label: a killed engine loses nothing,
 * and the next one finds the leases again by what belongs to them.
 */
export function createLeases(context: EngineContext): Leases {
  const leases = new Map<string, Lease>();
  let isClosed = false;

  const open = (id: string, graceMs: number): Lease => {
    const lease: Lease = { id, holds: new Set(), making: new Set(), graceMs, isEnding: false, timer: null, ending: null };
    leases.set(id, lease);
    return lease;
  };
  const schedule = (lease: Lease, ms: number): void => {
    if (lease.timer !== null) clearTimeout(lease.timer);
    if (isClosed) return;
    lease.timer = setTimeout(() => {
      end(lease).catch((error: unknown) => context.logger.warn('not all of a lease could be removed', { lease: lease.id, error }));
    }, ms).unref();
  };
  const finish = async (lease: Lease): Promise<void> => {
    await Promise.allSettled(lease.making);
    try {
      await removeMembers(context, lease.id);
    } catch (error) {
      schedule(lease, retryMs);
      lease.ending = null;
      throw error;
    }
    leases.delete(lease.id);
  };
  const end = (lease: Lease): Promise<void> => {
    if (lease.timer !== null) clearTimeout(lease.timer);
    lease.timer = null;
    lease.holds.clear();
    lease.isEnding = true;
    lease.ending ??= finish(lease);
    return lease.ending;
  };
  const release = (lease: Lease, hold: symbol): void => {
    if (!lease.holds.delete(hold) || lease.holds.size > 0) return;
    context.logger.debug('a lease has lost its last holder', { lease: lease.id, graceMs: lease.graceMs });
    schedule(lease, lease.graceMs);
  };
  for (const id of leaseIdsOf(context)) schedule(open(id, 0), restartGraceMs);

  return {
    hold(request) {
      const { id, graceMs } = checked(request);
      const known = leases.get(id);
      if (known?.isEnding === true) throw hasEnded(id);
      const lease = known ?? open(id, graceMs);
      if (lease.timer !== null) clearTimeout(lease.timer);
      lease.timer = null;
      lease.graceMs = graceMs;
      const hold = Symbol(id);
      lease.holds.add(hold);
      return { id, isNew: known === undefined, release: () => release(lease, hold) };
    },
    async end(id) {
      const lease = leases.get(id);
      if (lease === undefined) throw noLease(id);
      await end(lease);
    },
    list: () =>
      [...leases.values()].map((lease) => ({
        id: lease.id,
        holders: lease.holds.size,
        isEnding: lease.isEnding,
        ...membersOf(context, lease.id),
      })),
    async during(labels, make) {
      const id = labels?.[leaseLabel];
      if (id === undefined) return make();
      const lease = leases.get(id);
      if (lease === undefined) throw notHeld(id);
      if (lease.isEnding) throw hasEnded(id);
      const making = make();
      lease.making.add(making);
      try {
        return await making;
      } finally {
        lease.making.delete(making);
      }
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      for (const { timer } of leases.values()) if (timer !== null) clearTimeout(timer);
      await Promise.allSettled([...leases.values()].map(({ ending }) => ending ?? Promise.resolve()));
    },
  };
}

function checked({ id = randomBytes(16).toString('hex'), graceMs = 0 }: LeaseRequest): Required<LeaseRequest> {
  if (!/^[0-9a-f]{32}$/.test(id))
    throw new OrlopError('invalid-argument', 'ENGINE_BAD_LEASE', `${JSON.stringify(id)} is no id of a lease`, {
      hint: 'leave it out, or give 32 hexadecimal digits',
    });
  if (!Number.isInteger(graceMs) || graceMs < 0 || graceMs > maximumGraceMs)
    throw new OrlopError('invalid-argument', 'ENGINE_BAD_LEASE', `graceMs must be a number from 0 to ${maximumGraceMs}`);
  return { id, graceMs };
}

function noLease(id: string): OrlopError {
  return new OrlopError('not-found', 'ENGINE_LEASE_NOT_FOUND', `no such lease: ${id}`);
}

/** Not not-found: Docker's clients take that for a missing image and go on to pull it. */
function notHeld(id: string): OrlopError {
  return new OrlopError('failed-precondition', 'ENGINE_LEASE_NOT_HELD', `no such lease: ${id}`, {
    hint: 'it has ended, or never was: what is created under a lease needs a client that holds it',
  });
}

function hasEnded(id: string): OrlopError {
  return new OrlopError('conflict', 'ENGINE_LEASE_ENDING', `the lease ${id} has ended: what belongs to it is being removed`, {
    hint: 'take a new one',
  });
}
