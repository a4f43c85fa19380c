import type { CachedStep, FoundStep, NamedWork, StepCache } from '#build';
import { toOrlopError } from '#errors';
import type { ChainId, Lease, Store } from '#store';
import type { BuildEvent } from '#wire';
import type { ImportedSteps } from './import.ts';

/** A step that a build has come by. */
export interface KnownStep extends CachedStep {
  readonly key: string;
  readonly isResult: boolean;
  /** The chain that it stands on. */
  readonly below: ChainId | null;
}

/** The steps that a build has come by, made or found, in order. */
export interface KnownSteps {
  list(): readonly KnownStep[];
}

export interface SharedCacheOptions {
  readonly store: Store;
  readonly lease: Lease;
  /** Asked in order for what is not here. */
  readonly imports: readonly ImportedSteps[];
  readonly report: (event: BuildEvent) => void;
}

/** A build's view of what steps made: here, then elsewhere. What is found elsewhere is here from then on. */
export function createSharedCache(here: StepCache, { imports, ...options }: SharedCacheOptions): StepCache & KnownSteps {
  const known = new Map<string, KnownStep>();
  const note = (key: string, { layer, created }: CachedStep, { root, isResult }: NamedWork): void => {
    known.set(key, { key, layer, created, isResult: isResult || known.get(key)?.isResult === true, below: root.chain });
  };
  return {
    list: () => [...known.values()],
    async get(key, on) {
      let step = await here.get(key, on);
      for (const from of step === null ? imports : []) {
        const found = from.find(key);
        step = found === null ? null : await take(options, from, found, on);
        if (step === null) continue;
        here.put(key, { ...step, description: on.description }, on);
        break;
      }
      if (step !== null) note(key, step, on);
      return step;
    },
    put(key, step, on) {
      here.put(key, step, on);
      note(key, step, on);
    },
    alone: (key, work) => here.alone(key, work),
  };
}

/** null: it cannot be got, which is said; the step is made instead. */
async function take(
  { store, lease, report }: Omit<SharedCacheOptions, 'imports'>,
  from: ImportedSteps,
  found: FoundStep,
  on: NamedWork,
): Promise<CachedStep | null> {
  const { layer, created } = found;
  if (layer === null) return { layer: null, created };
  const { signal } = on.context;
  const { digest, size, mediaType } = layer.descriptor;
  try {
    if (!(await store.content.has(digest)))
      await store.content.ingest(lease, from.read(layer.descriptor, signal), { digest, size, signal });
    lease.hold({ blob: digest });
    const { chainId } = await store.layers.apply(lease, { blob: digest }, { parent: on.root.chain, diffId: layer.diffId, signal });
    return { layer: { diffId: layer.diffId, chainId, descriptor: { mediaType, digest, size } }, created };
  } catch (thrown) {
    signal.throwIfAborted();
    report({ type: 'notice', text: `[Warning] a step of the cache of ${from.name} is not used: ${toOrlopError(thrown).message}` });
    return null;
  }
}
