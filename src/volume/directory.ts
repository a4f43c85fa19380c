import { readdirSync, readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { OrlopError } from '#errors';
import type { VolumeRecord } from './types.ts';

/**
 * Volumes on disk, for root only: what a container wrote there may have set-id bits.
 *
 *     <root>/
 *       <name>/volume.json     the record
 *       <name>/_data/          what containers see, or where its file system is mounted
 *       <name>/filling         it is being filled: without this file it is whole
 *       <name>/filling-part    a directory in it is being filled, whose path this file holds
 *       .new-… .gone-…         being made, being removed; cleared when the volumes are opened
 */
export const recordFile = 'volume.json';

export function contentOf(directory: string): string {
  return join(directory, '_data');
}

export function fillingMark(directory: string): string {
  return join(directory, 'filling');
}

/** Holds the path of the directory, within the volume. */
export function fillingPartMark(directory: string): string {
  return join(directory, 'filling-part');
}

/** Never a volume's name: these begin with a letter or a digit. */
export function temporaryName(root: string, purpose: 'new' | 'gone'): string {
  return join(root, `.${purpose}-${randomBytes(9).toString('hex')}`);
}

export interface FoundVolumes {
  readonly records: readonly VolumeRecord[];
  /** Names whose record cannot be read, with the reason. */
  readonly broken: ReadonlyMap<string, unknown>;
  /** Paths of what an interrupted change left. */
  readonly leftovers: readonly string[];
}

export function readVolumes(root: string): FoundVolumes {
  const records: VolumeRecord[] = [];
  const broken = new Map<string, unknown>();
  const leftovers: string[] = [];
  for (const name of readdirSync(root)) {
    if (name.startsWith('.')) leftovers.push(join(root, name));
    else {
      try {
        records.push(parseVolumeRecord(name, readFileSync(join(root, name, recordFile), 'utf8')));
      } catch (error) {
        broken.set(name, error);
      }
    }
  }
  return { records, broken, leftovers };
}

/** Data-loss `VOLUME_UNREADABLE` for a text that is no record of this volume. */
export function parseVolumeRecord(name: string, text: string): VolumeRecord {
  try {
    const record = JSON.parse(text) as VolumeRecord;
    const { driver, labels, options, createdAtMs, isAnonymous } = record;
    const fits = typeof driver === 'string' && isTextMap(labels) && isTextMap(options) && Number.isFinite(createdAtMs);
    if (record.name === name && fits && typeof isAnonymous === 'boolean') return record;
  } catch (cause) {
    throw unreadable(name, cause);
  }
  throw unreadable(name);
}

function isTextMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.values(value).every((item) => typeof item === 'string');
}

function unreadable(name: string, cause?: unknown): OrlopError {
  return new OrlopError('data-loss', 'VOLUME_UNREADABLE', `the record of volume ${name} cannot be read`, {
    hint: 'its content is untouched: copy it into a new volume',
    cause,
  });
}
