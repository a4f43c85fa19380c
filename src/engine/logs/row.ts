import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  linkSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '#errors';
import type { LogTarget } from '#runtime';
import { formatAttributes, type LogAttributes } from './attributes.ts';
import type { LogSettings } from './config.ts';
import { recordParser } from './record.ts';

/**
 * A container's log is a row of files in its directory `logs/`:
 *
 *   container.log.7.gz   closed and packed        container.log.9   written
 *   container.log.8      closed                   container.log     the same file as the last
 *
 * Numbers only grow. The monitor makes the next file, renames the row's own name onto it and removes the oldest; nothing is ever renamed to another number. So a
 * kill between any two of its steps leaves files that are whole, and whoever reads goes from number to number.
 */
export const rowName = 'container.log';
const packedSuffix = '.gz';
/** A file that is being packed, and the row's name on its way to the next file. */
export const unfinishedSuffixes = ['.packing', '.new'] as const;

export function logFile(number: number): string {
  return `${rowName}.${number}`;
}

export function packedLogFile(number: number): string {
  return `${logFile(number)}${packedSuffix}`;
}

/** Numbers of the files that are there, packed or not, in order; none when the directory is missing. */
export function listRow(directory: string): number[] {
  return numbersOf(namesIn(directory));
}

function numbersOf(names: readonly string[]): number[] {
  return [...new Set(names.flatMap((name) => numberOf(name) ?? []))].toSorted((one, other) => one - other);
}

/** Those that are not packed and are not the last. */
export function unpackedOf(directory: string): number[] {
  const names = new Set(namesIn(directory));
  return numbersOf([...names])
    .slice(0, -1)
    .filter((number) => names.has(logFile(number)));
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function numberOf(name: string): number | null {
  const digits = /^container\.log\.(\d{1,15})(?:\.gz)?$/.exec(name)?.[1];
  return digits === undefined ? null : Number(digits);
}

export interface RowPorts {
  /** Takes a descriptor over and closes it once the monitor has it. */
  readonly borrow: (descriptor: number) => number;
  /** Whether somebody else holds a lock, as of flock(2), on an open directory. */
  readonly isLocked: (descriptor: number) => boolean;
}

/**
 * Makes a row ready for a monitor: takes back what a kill left half done, and opens its last file and its directory, which `borrow` closes. null for a log that is not
 * kept.
 */
export function openRow(
  directory: string,
  { driver, retention, bufferBytes }: Pick<LogSettings, 'driver' | 'retention' | 'bufferBytes'>,
  attributes: LogAttributes,
  { borrow, isLocked }: RowPorts,
): LogTarget | null {
  if (driver === 'none') return null;
  const names = namesIn(directory);
  const number = numbersOf(names).at(-1) ?? 1;
  const file = borrow(
    openSync(join(directory, logFile(number)), constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW, 0o640),
  );
  // Most starts are the first: they need to put nothing right.
  if (names.length === 0) {
    linkSync(join(directory, logFile(number)), join(directory, rowName));
  } else {
    // The writer of a killed monitor may still be at its last lines: those that look torn are not, and the next writer waits for it.
    if (bufferBytes === null || !isRowLocked(directory, isLocked)) cutTornLine(file);
    nameRow(directory, number);
    clearRow(directory, names, number - retention.files);
  }
  return {
    file,
    format: driver === 'local' ? 'plain' : 'json-file',
    attributes: formatAttributes(attributes),
    ...(bufferBytes === null ? {} : { bufferBytes }),
    row: {
      directory: borrow(openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY)),
      name: rowName,
      number,
      sizeBytes: retention.sizeBytes,
      ageNs: retention.ageNs,
      bornNs: names.length === 0 ? 0n : timeOfFirst(file, driver),
      files: retention.files,
    },
  };
}

function isRowLocked(directory: string, isLocked: RowPorts['isLocked']): boolean {
  const descriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return isLocked(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Removes files up to this number, and what is unfinished. */
function clearRow(directory: string, names: readonly string[], upTo: number): void {
  for (const name of names) {
    const number = numberOf(name);
    if ((number !== null && number <= upTo) || unfinishedSuffixes.some((suffix) => name.endsWith(suffix)))
      rmSync(join(directory, name), { force: true });
  }
}

function nameRow(directory: string, number: number): void {
  const [name, last, next] = [join(directory, rowName), join(directory, logFile(number)), join(directory, `${rowName}.new`)];
  if (statSync(name, { throwIfNoEntry: false })?.ino === statSync(last).ino) return;
  rmSync(next, { force: true });
  linkSync(last, next);
  renameSync(next, name);
}

const chunkBytes = 64 * 1024;

/** A monitor that was killed while it wrote may have left a piece of a line, which the next line would be joined to. */
function cutTornLine(file: number): void {
  let end = fstatSync(file).size;
  if (end === 0) return;
  const chunk = Buffer.allocUnsafe(chunkBytes);
  while (end > 0) {
    const length = Math.min(chunkBytes, end);
    readSync(file, chunk, 0, length, end - length);
    const newline = chunk.subarray(0, length).lastIndexOf(10);
    if (newline === length - 1) break;
    end = newline < 0 ? end - length : end - length + newline + 1;
  }
  if (end !== fstatSync(file).size) ftruncateSync(file, end);
}

/** 0 when there is none yet. */
function timeOfFirst(file: number, driver: LogSettings['driver']): bigint {
  if (fstatSync(file).size === 0) return 0n;
  const chunk = Buffer.allocUnsafe(256 * 1024);
  const text = chunk.subarray(0, readSync(file, chunk, 0, chunk.length, 0));
  const end = text.indexOf(10);
  return end < 0 ? 0n : (recordParser(driver)(text.subarray(0, end))?.timeNs ?? 1n);
}
