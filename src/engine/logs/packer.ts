import type { Logger } from '#log';
import { packRow } from './pack.ts';

/** Packs what a container's log has closed, one file at a time and in the background. */
export interface LogPacker {
  /** There may be something to pack. */
  look(): void;
  /** Gives up what is under way; resolves when nothing touches the files any more. */
  close(): Promise<void>;
}

export function createLogPacker(directory: string, logger: Logger): LogPacker {
  const giveUp = new AbortController();
  let again = false;
  let work: Promise<void> | null = null;
  const run = async (): Promise<void> => {
    do {
      again = false;
      await packRow(directory, giveUp.signal);
    } while (again && !giveUp.signal.aborted);
  };
  return {
    look() {
      again = true;
      work ??= run()
        .catch((error: unknown) => logger.warn('a log could not be packed', { directory, error }))
        .finally(() => (work = null));
    },
    async close() {
      giveUp.abort();
      await work;
    },
  };
}
