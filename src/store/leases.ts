import { randomUUID } from 'node:crypto';
import type { Digest } from '#oci';
import type { LeaseRows } from './metadata/lease-rows.ts';
import type { ChainId, Lease, LeaseResource, Leases } from './types.ts';

/** What leases hold at this moment. */
export interface Held {
  readonly blobs: ReadonlySet<Digest>;
  readonly layers: ReadonlySet<ChainId>;
  /** Manifests: with all they refer to. */
  readonly images: ReadonlySet<Digest>;
}

export interface LeaseBook extends Leases {
  held(): Held;
}

/** Leases live in memory, those with a time to live also in the database. A lease held by a dead engine is no lease. */
export function createLeaseBook(rows: LeaseRows): LeaseBook {
  const open = new Map<string, LeaseResource[]>();
  return {
    create({ ttlMs } = {}) {
      const id = randomUUID();
      const resources: LeaseResource[] = [];
      open.set(id, resources);
      if (ttlMs !== undefined) rows.insert(id, nowNs() + BigInt(Math.round(ttlMs * 1e6)));
      return {
        id,
        hold(resource) {
          resources.push(resource);
          if (ttlMs !== undefined) rows.hold(id, ...keyOf(resource));
        },
        [Symbol.dispose]() {
          open.delete(id);
          if (ttlMs !== undefined) rows.remove(id);
        },
      } satisfies Lease;
    },
    held() {
      rows.removeExpired(nowNs());
      const persisted = rows.list().map(({ kind, key }) => ({ [kind]: key }) as unknown as LeaseResource);
      const all = [...[...open.values()].flat(), ...persisted];
      return {
        blobs: new Set(all.flatMap((resource) => ('blob' in resource ? [resource.blob] : []))),
        layers: new Set(all.flatMap((resource) => ('layer' in resource ? [resource.layer] : []))),
        images: new Set(all.flatMap((resource) => ('image' in resource ? [resource.image] : []))),
      };
    },
  };
}

function keyOf(resource: LeaseResource): [kind: string, key: string] {
  if ('blob' in resource) return ['blob', resource.blob];
  return 'layer' in resource ? ['layer', resource.layer] : ['image', resource.image];
}

function nowNs(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}
