import { parseTime } from './read.ts';
import type { Image } from './types.ts';

/** One step of how an image came to be. */
export interface HistoryLine {
  readonly createdNs: bigint;
  readonly createdBy: string;
  readonly comment: string;
  /** Of the unpacked layer; 0 for a step without one. */
  readonly sizeBytes: number;
  readonly isEmpty: boolean;
}

/** Newest first, as `docker history` shows them. A layer that the history forgot gets a line of its own. */
export function historyOf(image: Image): HistoryLine[] {
  const sizes = [...image.layerBytes];
  const told = (image.config.history ?? []).map((entry): HistoryLine => {
    const isEmpty = entry.empty_layer === true;
    return {
      createdNs: parseTime(entry.created),
      createdBy: entry.created_by ?? '',
      comment: entry.comment ?? '',
      sizeBytes: isEmpty ? 0 : (sizes.shift() ?? 0),
      isEmpty,
    };
  });
  const untold = sizes.map((sizeBytes): HistoryLine => ({ createdNs: 0n, createdBy: '', comment: '', sizeBytes, isEmpty: false }));
  return [...told, ...untold].toReversed();
}
