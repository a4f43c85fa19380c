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
  /** A range that no other holder in this engine has. */
  take(): IdRange;
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
    take() {
      for (let tries = 0; tries < slotCount; tries++) {
        const slot = next;
        next = (next + 1) % slotCount;
        if (held.has(slot)) continue;
        held.set(slot, 1);
        return { first: (slot + firstSlot) * rangeSize, count: rangeSize };
      }
      throw new OrlopError('resource-exhausted', 'ENGINE_NO_ID_RANGE', `all ${slotCount} user-id ranges are in use`, {
        hint: 'stop a container',
      });
    },
    hold(range) {
      const slot = slotOf(range);
      held.set(slot, (held.get(slot) ?? 0) + 1);
    },
    release(range) {
      const slot = slotOf(range);
      const holders = (held.get(slot) ?? 1) - 1;
      if (holders > 0) held.set(slot, holders);
      else held.delete(slot);
    },
  };
}

function slotOf(range: IdRange): number {
  return range.first / rangeSize - firstSlot;
}
