import { closeSync, fdatasync, openSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { createFlusher, type Flusher } from './flusher.ts';

/** The log that commits are written to first (sqlite.org/wal.html), brought to disk after them by the thread pool. */
export interface WriteAheadLog extends Flusher {
  /** Before the database is closed, which brings the rest to disk itself. */
  close(): void;
}

/** sqlite.org/rescode.html */
const sqliteFull = 13;
/** Pages: SQLite's own measure for a log that should go into the database. */
const longFrames = 1000;
/** Pages (40 MB) from which on it goes in even if all have to wait. */
const tooLongFrames = 10_000;
/** A disk that took longer for a flush is busy. */
const quietMs = 5;

/**
 * Moving the log into the database syncs two files, and whoever uses the database waits. It is done right after a flush that was quick: then this is quick,
 * too.
 */
export function isTimeToCheckpoint(frames: number, flushMs: number): boolean {
  return frames >= tooLongFrames || (frames >= longFrames && flushMs <= quietMs);
}

/**
 * Commits wait for no disk from here on: they are written in order and so survive the end of the process, and after a power cut the database is as it
 * was at one of the last of them (sqlite.org/pragma.html#pragma_synchronous, NORMAL).
 */
export function openWriteAheadLog(db: DatabaseSync, path: string, onError: (error: unknown) => void): WriteAheadLog {
  db.exec('PRAGMA synchronous = NORMAL');
  db.exec('PRAGMA wal_autocheckpoint = 0');
  tryToBeginLog(db);
  const log = openSync(`${path}-wal`, 'r');
  // NOOP tells the length and moves nothing.
  const length = db.prepare('PRAGMA wal_checkpoint(NOOP)');
  const checkpoint = (flushMs: number): void => {
    if (!db.isOpen || !isTimeToCheckpoint(Number(length.get()?.['log']), flushMs)) return;
    try {
      db.exec('PRAGMA wal_checkpoint(PASSIVE)');
      beginLog(db);
    } catch (error) {
      onError(error);
    }
  };
  const sync = promisify(fdatasync);
  const flusher = createFlusher({ sync: () => sync(log), onFlushed: checkpoint, onError });
  // What an engine that was killed wrote may not be on disk yet.
  flusher.wrote();
  return {
    ...flusher,
    close: () => void flusher.flushed().then(close, close),
  };

  function close(): void {
    closeSync(log);
  }
}

/** On a full disk it is left to the first commit: what is in the database can be read, and what takes the space removed. */
function tryToBeginLog(db: DatabaseSync): void {
  try {
    beginLog(db);
  } catch (error) {
    if ((error as { errcode?: number }).errcode !== sqliteFull) throw error;
  }
}

/** The first commit in a new log syncs its header and does wait: this one is for nothing else, at a time when nobody does. */
function beginLog(db: DatabaseSync): void {
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
  db.exec(`PRAGMA user_version = ${version}`);
}
