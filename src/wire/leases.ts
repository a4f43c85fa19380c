import { OrlopError } from '#errors';

/** Names the lease that a container, a network or a volume belongs to; with the engine's records it is all that is kept of a lease. */
export const leaseLabel = 'orlop.lease';

/** The same as a header of a request that creates something, for clients that write no labels. */
export const leaseHeader = 'orlop-lease';

/** Body of `POST /orlop/v1/leases`; the connection that it comes by holds the lease from then on. */
export interface LeaseRequest {
  /** 32 hexadecimal digits: a lease that others hold, or that was held before the connection was lost. A new one without. */
  readonly id?: string;
  /** How long it waits for another holder when the last has gone; 0 without. */
  readonly graceMs?: number;
}

/** The line that the engine answers with. */
export interface LeaseGrant {
  readonly id: string;
  /** Nobody held it, and nothing belonged to it. */
  readonly isNew: boolean;
}

export interface LeaseView {
  readonly id: string;
  /** Connections; with none it ends when its grace does. */
  readonly holders: number;
  readonly isEnding: boolean;
  /** Ids. */
  readonly containers: readonly string[];
  readonly networks: readonly string[];
  /** Names. */
  readonly volumes: readonly string[];
}

export interface LeasesBody {
  readonly leases: readonly LeaseView[];
}

/** A request to create something, as belonging to the lease that the header names. invalid-argument when its label names another. */
export function bindToLease<Request extends { readonly labels?: Readonly<Record<string, string>> }>(
  request: Request,
  header: string | readonly string[] | undefined,
): Request {
  if (header === undefined || header === '') return request;
  const id = String(header);
  const labelled = request.labels?.[leaseLabel];
  if (labelled !== undefined && labelled !== id) {
    throw new OrlopError(
      'invalid-argument',
      'WIRE_TWO_LEASES',
      `the header names the lease ${id}, the label ${leaseLabel} names ${labelled}`,
      {
        hint: 'leave out one of them',
      },
    );
  }
  return { ...request, labels: { ...request.labels, [leaseLabel]: id } };
}
