import { closeSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { isErrno } from '#errors';

/** Enough for what is written down while a disk is full: ends of containers, removals. */
const reservedBytes = 256 * 1024;
const refillMs = 5000;

/** Space that a database keeps for itself: on a full disk a removal has to be written down, too, before it gives anything back. */
export interface Reserve extends Disposable {
  /** Gives the space to whoever writes next; false: there is none. It is taken again when the disk has some. */
  give(): boolean;
  /** Takes back what was given, as far as the disk has it. */
  take(): void;
}

/** The file `path`, as large as the disk allows. */
export function openReserve(path: string): Reserve {
  const file = openSync(path, 'a', 0o600);
  let timer: NodeJS.Timeout | null = null;
  let isShort = true;
  const fill = (): void => {
    if (timer !== null) clearTimeout(timer);
    isShort = !tryFill(file);
    timer = isShort ? setTimeout(fill, refillMs).unref() : null;
  };
  fill();
  return {
    give() {
      if (fstatSync(file).size === 0) return false;
      ftruncateSync(file, 0);
      isShort = true;
      timer ??= setTimeout(fill, refillMs).unref();
      return true;
    },
    take() {
      if (isShort) fill();
    },
    [Symbol.dispose]() {
      if (timer !== null) clearTimeout(timer);
      closeSync(file);
    },
  };
}

/** false: the disk is full. */
function tryFill(file: number): boolean {
  const missing = reservedBytes - fstatSync(file).size;
  try {
    return missing <= 0 || writeSync(file, Buffer.alloc(missing)) === missing;
  } catch (error) {
    if (!isErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
    return false;
  }
}
