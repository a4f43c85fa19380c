import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { isErrno, isOrlopError, OrlopError } from '#errors';
import { migrations } from './migrations.ts';
import { openReserve, type Reserve } from './reserve.ts';
import { openWriteAheadLog, type WriteAheadLog } from './write-ahead-log.ts';

type Row = Readonly<Record<string, unknown>>;

/** A prepared statement. Integers come back as bigint: none is ever rounded. */
export interface Statement {
  /** How many rows changed. */
  run(...values: SQLInputValue[]): number;
  get(...values: SQLInputValue[]): Row | null;
  all(...values: SQLInputValue[]): Row[];
}

/** The few methods of SQLite that the store uses; errors are OrlopErrors. */
export interface Database extends Disposable {
  prepare(sql: string): Statement;
  /** All or nothing; inner calls join the outer transaction. On a full disk `change` is called a second time, after all that it wrote was undone. */
  transaction<T>(change: () => T): T;
  /** When all changes made before this call are on disk. Data-loss `STORE_DATABASE_IO` when they could not be brought there. */
  flushed(): Promise<void>;
}

/** WAL-reset corruption is fixed from here on (sqlite.org/wal.html, "The WAL-Reset Bug"). */
const oldestVersion = [3, 51, 3];

/**
 * Opens the database and locks it for this process until it is closed or the process ends; brings the schema up to date. Fails with
 * failed-precondition `STORE_IN_USE` (another engine has it), `STORE_NEWER_SCHEMA`, `STORE_SQLITE_TOO_OLD`, data-loss `STORE_DATABASE_CORRUPT`. Changes get
 * to disk right after they were made (docs/decisions/0008-commits-wait-for-no-disk.md); `onError` is told when they do not.
 */
export function openDatabase(path: string, onError: (error: unknown) => void = () => undefined): Database {
  const db = translating(path, () => new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: true }));
  try {
    const log = translating(path, () => {
      // First of all: then nothing needs the file -shm, for which a full disk has no space.
      db.exec('PRAGMA locking_mode = EXCLUSIVE');
      requireVersion(db);
      db.exec('PRAGMA journal_mode = WAL');
      db.exec('BEGIN EXCLUSIVE; COMMIT');
      checkIntegrity(db, path);
      migrate(db, path);
      return openWriteAheadLog(db, path, (error) => onError(translate(path, error)));
    });
    return wrap(db, path, { log, reserve: openReserve(`${path}-reserve`) });
  } catch (error) {
    db.close();
    throw error;
  }
}

function wrap(db: DatabaseSync, path: string, { log, reserve }: { log: WriteAheadLog; reserve: Reserve }): Database {
  /** Changes of a transaction that has not ended. */
  let changes = 0;
  const committed = (): void => {
    if (changes > 0) {
      log.wrote();
      reserve.take();
    }
    changes = 0;
  };
  /** A second time in the space that is kept for that, where a full disk has undone the first. */
  const writing = <T>(write: () => T): T => {
    try {
      return write();
    } catch (error) {
      if (db.isTransaction || !isFull(error) || !reserve.give()) throw error;
      return write();
    }
  };
  const transact = <T>(change: () => T): T => {
    db.exec('BEGIN IMMEDIATE');
    try {
      const result = change();
      if (result instanceof Promise) throw new OrlopError('internal', 'STORE_ASYNC_TRANSACTION', 'a transaction must be synchronous');
      db.exec('COMMIT');
      return result;
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      changes = 0;
      throw error;
    }
  };
  return {
    prepare(sql) {
      const statement = translating(path, () => db.prepare(sql));
      statement.setReadBigInts(true);
      return {
        run(...values) {
          const changed = translating(path, () => writing(() => Number(statement.run(...values).changes)));
          changes += changed;
          if (!db.isTransaction) committed();
          return changed;
        },
        get: (...values) => translating(path, () => (statement.get(...values) as Row | undefined) ?? null),
        all: (...values) => translating(path, () => statement.all(...values) as Row[]),
      };
    },
    transaction(change) {
      if (db.isTransaction) return change();
      const result = translating(path, () => writing(() => transact(change)));
      committed();
      return result;
    },
    async flushed() {
      try {
        await log.flushed();
      } catch (error) {
        throw translate(path, error);
      }
    },
    [Symbol.dispose]() {
      reserve[Symbol.dispose]();
      log.close();
      db.close();
    },
  };
}

/** What SQLite says (SQLITE_FULL), or a statement of a transaction said in our words. */
function isFull(error: unknown): boolean {
  return isOrlopError(error) ? error.code === 'STORE_DISK_FULL' : error instanceof Error && (resultCode(error) & 0xff) === 13;
}

function resultCode(error: Error): number {
  return (error as Error & { errcode?: number }).errcode ?? 0;
}

function requireVersion(db: DatabaseSync): void {
  const text = String(db.prepare('SELECT sqlite_version() AS version').get()?.['version']);
  const parts = text.split('.').map(Number);
  for (const [index, wanted] of oldestVersion.entries()) {
    const part = parts[index] ?? 0;
    if (part > wanted) return;
    if (part < wanted) {
      throw new OrlopError('failed-precondition', 'STORE_SQLITE_TOO_OLD', `SQLite ${text} is older than ${oldestVersion.join('.')}`, {
        hint: 'use Node 24.15 or newer',
      });
    }
  }
}

function checkIntegrity(db: DatabaseSync, path: string): void {
  const found = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
  if (found !== 'ok') throw corrupt(path, String(found));
}

function migrate(db: DatabaseSync, path: string): void {
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
  if (version > migrations.length) {
    throw new OrlopError('failed-precondition', 'STORE_NEWER_SCHEMA', `${path} was written by a newer version (schema ${version})`, {
      hint: 'use that version, or another data root',
    });
  }
  for (const [index, sql] of migrations.entries()) {
    if (index >= version) db.exec(`BEGIN; ${sql}; PRAGMA user_version = ${index + 1}; COMMIT`);
  }
}

function translating<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw translate(path, error);
  }
}

/** Result codes: sqlite.org/rescode.html. */
function translate(path: string, error: unknown): unknown {
  if (isErrno(error, 'EIO', 'ENOSPC', 'EDQUOT', 'EROFS')) {
    return new OrlopError(
      'data-loss',
      'STORE_DATABASE_IO',
      `changes of ${path} could not be brought to disk: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
  if (!(error instanceof Error) || (error as NodeJS.ErrnoException).code !== 'ERR_SQLITE_ERROR') return error;
  const code = resultCode(error);
  switch (code & 0xff) {
    case 5:
    case 6:
      return new OrlopError('failed-precondition', 'STORE_IN_USE', `${path} is in use by another engine`, {
        hint: 'stop it, or choose another --data-root',
        cause: error,
      });
    case 13:
      return new OrlopError('resource-exhausted', 'STORE_DISK_FULL', `no space left for ${path}`, {
        hint: 'free some space',
        cause: error,
      });
    case 10:
      return new OrlopError('data-loss', 'STORE_DATABASE_IO', `reading or writing ${path} failed: ${error.message}`, { cause: error });
    case 8:
    case 14:
      return new OrlopError('permission-denied', 'STORE_DATABASE_IO', `${path} cannot be opened for writing: ${error.message}`, {
        cause: error,
      });
    case 11:
    case 26:
      return corrupt(path, error.message, error);
    case 19:
      return new OrlopError('conflict', 'STORE_CONSTRAINT', `${path}: ${error.message}`, { cause: error, details: { errcode: code } });
    default:
      return new OrlopError('internal', 'STORE_DATABASE', `${path}: ${error.message}`, { cause: error });
  }
}

/** True when a row could not be written because it names one that is not there. */
export function isForeignKeyError(error: unknown): boolean {
  return error instanceof OrlopError && error.code === 'STORE_CONSTRAINT' && error.details?.['errcode'] === 787;
}

function corrupt(path: string, what: string, cause?: unknown): OrlopError {
  return new OrlopError('data-loss', 'STORE_DATABASE_CORRUPT', `the database ${path} is damaged: ${what}`, {
    hint: 'restore it from a backup, or move the data root away and import images again',
    cause,
  });
}
