import type { Logger } from '#log';

/** Long enough for the kernel to take an ended namespace apart, links included, so that mostly nothing is left to do. */
const delayMs = 5_000;

/**
 * Runs a piece of work once nobody has asked for it for a while, and at the end if it still waits. While containers come and go all the time it
 * keeps waiting: what has to be removed then is out of use and harms nobody, but the removal would stop the event loop.
 */
export interface Sweeper extends Disposable {
  soon(): void;
}

/** The work must not throw for good: a failure is logged and tried again with the next `soon`. Its timer keeps no process alive. */
export function createSweeper(work: () => void, logger: Logger): Sweeper {
  let timer: NodeJS.Timeout | undefined;
  const run = (): void => {
    timer = undefined;
    try {
      work();
    } catch (error) {
      logger.warn('could not remove links that are no longer used', { error });
    }
  };
  return {
    soon() {
      clearTimeout(timer);
      timer = setTimeout(run, delayMs).unref();
    },
    [Symbol.dispose]() {
      if (timer === undefined) return;
      clearTimeout(timer);
      run();
    },
  };
}
