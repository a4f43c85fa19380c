import { OrlopError } from '#errors';
import type { Addon } from '#sys';

/** Detached mounts on their way to the stage, which takes them one after the other (`attach_queued`). */
export interface MountQueue extends Disposable {
  /** The stage's end of it. */
  readonly descriptor: number;
  /** Takes the descriptor over: it stays open until enough are there to be sent. */
  add(mount: number): void;
  /** Sends what is left. */
  end(): void;
}

/** A socket takes some 270 messages before it makes the sender wait (net.core.wmem_default), which nobody would ever end. */
const mostMessages = 200;

/**
 * `batch`: how many are open at once, here and in the stage, at most 128. `lock` makes other mounts of the same trees, which it closes, in place of these.
 * Fails with resource-exhausted `RUNTIME_MOUNTS` when there are more than go into the queue.
 */
export function openMountQueue(addon: Addon, batch: number, lock: ((mounts: readonly number[]) => number[]) | null): MountQueue {
  const [ours, theirs] = addon.socketPair();
  const waiting: number[] = [];
  let messages = 0;
  const send = (): void => {
    if (waiting.length === 0) return;
    if (messages === mostMessages)
      throw new OrlopError(
        'resource-exhausted',
        'RUNTIME_MOUNTS',
        `more than ${mostMessages * batch} bind mounts beyond those that may be open at once`,
        {
          hint: 'raise the limit of open files (ulimit -n)',
        },
      );
    messages += 1;
    const locked = lock?.(waiting) ?? [];
    try {
      addon.sendDescriptors(ours, new Uint8Array(1), lock === null ? waiting : locked);
    } finally {
      for (const descriptor of [...waiting.splice(0), ...locked]) addon.close(descriptor);
    }
  };
  return {
    descriptor: theirs,
    add(mount) {
      waiting.push(mount);
      if (waiting.length === batch) send();
    },
    end: send,
    [Symbol.dispose]() {
      for (const descriptor of [...waiting, ours, theirs]) addon.close(descriptor);
    },
  };
}
