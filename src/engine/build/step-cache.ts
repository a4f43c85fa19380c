import type { CachedStep, StepCache } from '#build';
import type { Descriptor } from '#oci';
import type { BuildStepRow, Lease, Store } from '#store';
import { nowNs } from '../context.ts';

/** What is kept of a step beside the columns of its row. */
interface StepFacts {
  readonly description: string;
  /** ISO 8601. */
  readonly created: string;
  readonly layer: CachedStep['layer'];
}

export interface StepBook {
  /** The steps as one build sees them: what it is answered stays as long as the lease. */
  of(lease: Lease): StepCache;
  /** The blob of a step's layer is there from now on. */
  setBlob(key: string, descriptor: Descriptor): void;
}

/** Steps of all builds of an engine, in its database. */
export function createStepBook(store: Store): StepBook {
  const { buildSteps } = store.metadata;
  const running = new Map<string, Promise<unknown>>();
  const get = (lease: Lease, key: string): CachedStep | null => {
    const row = buildSteps.get(key);
    if (row === null) return null;
    const { layer, created } = parseFacts(row);
    if (layer !== null && store.layers.get(layer.chainId) === null) {
      buildSteps.remove([key]);
      return null;
    }
    if (layer !== null) lease.hold({ layer: layer.chainId });
    if (layer?.descriptor != null) lease.hold({ blob: layer.descriptor.digest });
    buildSteps.touch(key, nowNs());
    return { layer, created };
  };
  return {
    of: (lease) => ({
      get: async (key) => get(lease, key),
      put(key, { description, created, layer }) {
        const time = nowNs();
        const facts: StepFacts = { description, created, layer };
        buildSteps.put({
          key,
          chain: layer?.chainId ?? null,
          blob: layer?.descriptor?.digest ?? null,
          createdNs: time,
          usedNs: time,
          uses: 0,
          record: JSON.stringify(facts),
        });
      },
      async alone(key, work) {
        const other = running.get(key);
        if (other !== undefined) return void (await other.catch(() => undefined));
        const mine = work();
        running.set(key, mine);
        try {
          return await mine;
        } finally {
          running.delete(key);
        }
      },
    }),
    setBlob(key, descriptor) {
      const row = buildSteps.get(key);
      const facts = row === null ? null : parseFacts(row);
      if (row === null || facts === null || facts.layer === null) return;
      buildSteps.put({ ...row, blob: descriptor.digest, record: JSON.stringify({ ...facts, layer: { ...facts.layer, descriptor } }) });
    },
  };
}

export function parseFacts({ record, chain }: Pick<BuildStepRow, 'record' | 'chain'>): StepFacts {
  const facts = JSON.parse(record) as StepFacts;
  return chain === null ? { ...facts, layer: null } : facts;
}
