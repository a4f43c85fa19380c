import { closeSync, openSync, readFileSync, writeSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { OrlopError, isErrno } from '#errors';
import { createExitRecord, type ExitRecord } from './frames.ts';

const recordBytes = 64;
const magic = 0x58_4c_52_4f; // "ORLX", little endian

/**
 * Makes `directory` (mode 0700; parents must exist) ready for a monitor: an exit file of zeros, so that the monitor can overwrite it in place
 * even when the disk is full by then: file systems reserve the space when it is written. It is not synced here: the monitor syncs when it has something to
 * tell, and a host that goes down before has no process to tell about. A record of an earlier run is wiped.
 */
export function prepareMonitorDirectory(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
  const file = openSync(join(directory, 'exit'), 'w', 0o600);
  try {
    writeSync(file, new Uint8Array(recordBytes));
  } finally {
    closeSync(file);
  }
}

/**
 * The exit record in a monitor's directory; null when the process has not ended, or the directory is gone.
 * Fails with data-loss `SYS_EXIT_RECORD_BROKEN` when the file is not a record.
 */
export function readExitRecord(directory: string): ExitRecord | null {
  const file = join(directory, 'exit');
  let data: Buffer;
  try {
    data = readFileSync(file);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
  return parseExitRecord(data, file);
}

/** Layout in native/README.md. All zeros: the process has not ended. */
export function parseExitRecord(data: Buffer, name: string): ExitRecord | null {
  if (data.length === recordBytes && data.every((byte) => byte === 0)) return null;
  if (data.length !== recordBytes || data.readUInt32LE(0) !== magic || data.readUInt32LE(60) !== crc32(data.subarray(0, 60))) {
    throw new OrlopError('data-loss', 'SYS_EXIT_RECORD_BROKEN', `the exit record ${name} is damaged`);
  }
  return createExitRecord({
    waitStatus: data.readUInt32LE(4),
    flags: data.readUInt32LE(8),
    pid: data.readUInt32LE(12),
    startedAtNs: data.readBigUInt64LE(16),
    finishedAtNs: data.readBigUInt64LE(24),
    lostLines: data.readUInt32LE(32),
  });
}
