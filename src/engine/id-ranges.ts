import { createHash } from 'node:crypto';
import { OrlopError } from '#errors';

export interface IdRange {
  /** First id on the host. */
  readonly first: number;
  readonly count: number;
}

export const rangeSize = 65_536;
/** The ids that systemd sets aside for containers: 524288 to 1878982656 (systemd, UIDS-GIDS.md), as slots of 65,536. */
const firstSlot = 8;
const slotCount = 28_670 - firstSlot;

export interface IdRanges {
  /** A range that no other holder in this engine has; `count` is a multiple of 65,536. Resource-exhausted `ENGINE_NO_ID_RANGE`. */
  take(count?: number): IdRange;
  /** One more holder: a container found running, or one that shares another's user namespace. */
  hold(range: IdRange): void;
  /** One holder less; the range is free again when it was the last. */
  release(range: IdRange): void;
}

/**
 * Hands out user-id ranges. Files on disk are unshifted, so a range belongs to a container only while it runs. The walk starts at a
 * place that derives from the data root, so that two engines on one host rarely meet.
 */
export function createIdRanges(root: string): IdRanges {
  /** Holders by slot. */
  const held = new Map<number, number>();
  let next = createHash('sha256').update(root).digest().readUInt32BE(0) % slotCount;
  return {
    take(count = rangeSize) {
      const wanted = count / rangeSize;
      for (let tries = 0; tries < slotCount; tries++) {
        const slot = next;
        const slots = Array.from({ length: wanted }, (_, index) => slot + index);
        next = (slot + 1) % slotCount;
        if (slot + wanted > slotCount || slots.some((one) => held.has(one))) continue;
        for (const one of slots) held.set(one, 1);
        next = (slot + wanted) % slotCount;
        return { first: (slot + firstSlot) * rangeSize, count };
      }
      throw new OrlopError('resource-exhausted', 'ENGINE_NO_ID_RANGE', `all user-id ranges are in use: no ${count} ids in a row are free`, {
        hint: 'stop a container',
      });
    },
    hold(range) {
      for (const slot of slotsOf(range)) held.set(slot, (held.get(slot) ?? 0) + 1);
    },
    release(range) {
      for (const slot of slotsOf(range)) {
        const holders = (held.get(slot) ?? 1) - 1;
        if (holders > 0) held.set(slot, holders);
        else held.delete(slot);
      }
    },
  };
}

/**
 * In a machine owners cannot be shifted: its root may map no file system of the host's (mount_setattr(2)). So all containers there have one range, the machine's own ids as they are: users of
 * their own with rights over their own alone, but for files and processes the same as the machine's. `available`: how many ids the machine has.
 */
export function createSharedRange(available: number): IdRanges {
  return {
    take(count = rangeSize) {
      if (count <= Math.max(available, rangeSize)) return { first: 0, count: Math.min(count, available) };
      throw new OrlopError('resource-exhausted', 'ENGINE_NO_ID_RANGE', `there are no ${count} user ids: the machine has ${available}`, {
        hint: `give the machine more: orlop set MACHINE security.idmap.size=${count}`,
      });
    },
    hold: () => undefined,
    release: () => undefined,
  };
}

/** Whether owners on disk are other numbers than the host's while a container of this range runs. */
export function isShifted(range: IdRange | null): range is IdRange {
  return range !== null && range.first !== 0;
}

function slotsOf({ first, count }: IdRange): number[] {
  return Array.from({ length: count / rangeSize }, (_, index) => first / rangeSize - firstSlot + index);
}
