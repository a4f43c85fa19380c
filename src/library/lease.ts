import { setTimeout } from 'node:timers';
import type { Client, HeldLease } from '#client';
import { isOrlopError, OrlopError } from '#errors';

export interface LeaseOptions {
  /** A lease that another process holds, to be held together; it ends with the last of them. A new one without. */
  readonly id?: string;
  /** How long what belongs to it waits for us when the connection is lost and the engine is not; 0 without. */
  readonly graceMs?: number;
}

/** Our hold on a lease, taken when it is first needed and again when the connection is lost. */
export interface LeaseKeeper {
  id(): Promise<string>;
  /** A client whose creations belong to the lease. */
  client(): Promise<Client>;
  /** Ends a lease of our own with all that belongs to it; gives up the hold on another's. */
  end(): Promise<void>;
}

const longestPauseMs = 1000;

export function createLeaseKeeper(client: Client, options: LeaseOptions): LeaseKeeper {
  let held: HeldLease | null = null;
  let taking: Promise<HeldLease> | null = null;
  let id = options.id;
  let isOver = false;

  const take = async (): Promise<HeldLease> => {
    const wanted = { ...(id === undefined ? {} : { id }), ...(options.graceMs === undefined ? {} : { graceMs: options.graceMs }) };
    const lease = await client.leases.hold(wanted);
    if (isOver) {
      lease.release();
      throw over();
    }
    id = lease.id;
    held = lease;
    void lease.lost.then(() => {
      held = null;
      retake(25);
    });
    return lease;
  };
  const hold = (): Promise<HeldLease> => {
    if (isOver) return Promise.reject(over());
    if (held !== null) return Promise.resolve(held);
    taking ??= take().finally(() => (taking = null));
    return taking;
  };
  /** An engine that restarts waits some seconds for those who held leases. */
  const retake = (pauseMs: number): void => {
    if (isOver) return;
    setTimeout(() => {
      hold().catch((error: unknown) => {
        if (isOrlopError(error, 'unavailable')) retake(Math.min(2 * pauseMs, longestPauseMs));
      });
    }, pauseMs).unref();
  };

  return {
    id: async () => (await hold()).id,
    client: async () => client.under((await hold()).id),
    async end() {
      if (isOver) return;
      isOver = true;
      await taking?.catch(() => undefined);
      if (id === undefined) return;
      if (options.id === undefined) await client.leases.end(id).catch(ignoreMissing);
      held?.release();
    },
  };
}

/** It ended by itself. */
function ignoreMissing(error: unknown): void {
  if (!isOrlopError(error, 'not-found')) throw error;
}

function over(): OrlopError {
  return new OrlopError('failed-precondition', 'LIBRARY_LEASE_OVER', 'the lease has been ended');
}
