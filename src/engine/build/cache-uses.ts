import { OrlopError } from '#errors';

/** Who works with which cache at this moment, over all builds of an engine. */
export interface CacheUses {
  /** Waits until nobody else has locked it. */
  lock(id: string, signal: AbortSignal): Promise<Disposable>;
  /** `alone`: a copy that nobody else has; 0 is the first. */
  hold(id: string, alone: boolean): Disposable & { readonly copy: number };
  isInUse(id: string): boolean;
}

export function createCacheUses(): CacheUses {
  const locked = new Map<string, (() => void)[]>();
  const held = new Map<string, number[]>();
  const unlock = (id: string): void => {
    const next = locked.get(id)?.shift();
    if (next === undefined) locked.delete(id);
    else next();
  };
  return {
    async lock(id, signal) {
      const waiting = locked.get(id);
      if (waiting === undefined) locked.set(id, []);
      else await waitTurn(waiting, signal);
      let over = false;
      return {
        [Symbol.dispose]() {
          if (!over) unlock(id);
          over = true;
        },
      };
    },
    hold(id, alone) {
      const copies = held.get(id) ?? [];
      let copy = 0;
      while (alone && copies.includes(copy)) copy++;
      held.set(id, [...copies, copy]);
      return {
        copy,
        [Symbol.dispose]() {
          const left = [...(held.get(id) ?? [])];
          left.splice(left.indexOf(copy), 1);
          if (left.length === 0) held.delete(id);
          else held.set(id, left);
        },
      };
    },
    isInUse: (id) => held.has(id),
  };
}

function waitTurn(waiting: (() => void)[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const turn = (): void => {
      signal.removeEventListener('abort', giveUp);
      resolve();
    };
    const giveUp = (): void => {
      const at = waiting.indexOf(turn);
      if (at >= 0) waiting.splice(at, 1);
      reject(new OrlopError('cancelled', 'BUILD_CANCELLED', 'the build was cancelled'));
    };
    waiting.push(turn);
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
  });
}
