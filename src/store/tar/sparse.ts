import { badTar, blockSize, type Extent, number } from './header.ts';
import { type PaxRecords, paxNumber } from './pax.ts';

/** More extents than this are no file but an attack. */
export const maxExtents = 1_000_000;

/** What one header says of a sparse file; `stored` bytes of data follow. */
export interface SparseMap {
  readonly realSize: number;
  readonly extents: readonly Extent[];
}

/** GNU's old map in the header block itself: four extents, then `more` tells of an extension block. */
export function oldGnuHeaderMap(block: Buffer, position: number): { extents: Extent[]; more: boolean; realSize: number } {
  return {
    extents: readSlots(block, 386, 4, position),
    more: block[482] !== 0,
    realSize: number(block, 483, 12, 'realsize', position),
  };
}

/** An extension block: twenty-one extents. */
export function oldGnuExtension(block: Buffer, position: number): { extents: Extent[]; more: boolean } {
  return { extents: readSlots(block, 0, 21, position), more: block[504] !== 0 };
}

/** pax sparse 0.0 and 0.1: the map is in the extended header. null when the entry is not sparse in these ways. */
export function paxHeaderMap(records: PaxRecords): SparseMap | null {
  const { values, sparseNumbers } = records;
  const size = values.get('GNU.sparse.size');
  if (size === undefined || values.has('GNU.sparse.major')) return null;
  const map = values.get('GNU.sparse.map');
  const numbers =
    map === undefined
      ? sparseNumbers
      : map.length === 0
        ? []
        : map
            .toString('latin1')
            .split(',')
            .map((part) => paxNumber('GNU.sparse.map', Buffer.from(part)));
  return { realSize: paxNumber('GNU.sparse.size', size), extents: pairUp(numbers) };
}

/** True for pax sparse 1.0, whose map stands before the data. */
export function isSparseOne({ values }: PaxRecords): boolean {
  return values.get('GNU.sparse.major')?.toString('latin1') === '1' && values.get('GNU.sparse.minor')?.toString('latin1') === '0';
}

/**
 * Reads the map of pax sparse 1.0 block by block: decimal numbers, one a line, the first being the count of extents.
 * `feed` answers the extents once the block just given completed the map.
 */
export function createSparseOneMap(): { feed(block: Buffer): Extent[] | null } {
  const numbers: number[] = [];
  let partial = '';
  let wanted: number | undefined;
  return {
    feed(block) {
      const lines = `${partial}${block.toString('latin1', 0, blockSize)}`.split('\n');
      partial = lines.pop() ?? '';
      for (const line of lines) {
        if (wanted !== undefined && numbers.length === wanted * 2) break;
        const value = paxNumber('GNU.sparse.map', Buffer.from(line));
        if (wanted !== undefined) numbers.push(value);
        else if (value > maxExtents) throw badTar(`a sparse file of ${value} extents`);
        else wanted = value;
      }
      if (wanted !== undefined && numbers.length === wanted * 2) return pairUp(numbers);
      if (partial.length > 20) throw badTar('the map of a sparse file is malformed');
      return null;
    },
  };
}

/** Ascending, apart, inside the file, and as long together as the data stored. */
export function checkExtents(extents: readonly Extent[], realSize: number, stored: number): void {
  if (extents.length > maxExtents) throw badTar(`a sparse file of ${extents.length} extents`);
  let end = 0;
  let sum = 0;
  for (const { offset, length } of extents) {
    if (offset < end || offset + length > realSize) throw badTar('the map of a sparse file overlaps or exceeds the file');
    end = offset + length;
    sum += length;
  }
  if (sum !== stored) throw badTar(`the map of a sparse file covers ${sum} bytes but ${stored} are stored`);
}

function pairUp(numbers: readonly number[]): Extent[] {
  if (numbers.length % 2 !== 0) throw badTar('the map of a sparse file is incomplete');
  const extents: Extent[] = [];
  for (let at = 0; at < numbers.length; at += 2) extents.push({ offset: numbers[at] ?? 0, length: numbers[at + 1] ?? 0 });
  return extents;
}

function readSlots(block: Buffer, start: number, count: number, position: number): Extent[] {
  const extents: Extent[] = [];
  for (let at = start; at < start + count * 24 && block[at] !== 0; at += 24) {
    extents.push({
      offset: number(block, at, 12, 'sparse offset', position),
      length: number(block, at + 12, 12, 'sparse length', position),
    });
  }
  return extents;
}
