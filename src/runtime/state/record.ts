import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import { formatJson, parseJson, parseSpecText, type Spec } from '#oci';
import type { IdMap } from '../sandbox/types.ts';
import { toJsonText } from './json-text.ts';

/**
 * What the command line keeps of a container between its calls:
 *
 *     <root>/<id>/state.json    this record
 *     <root>/<id>/config.json   the spec it was created from, as it was then
 *     <root>/<id>/start.fifo    there while the container is created and not started
 */
export interface ContainerRecord {
  readonly version: 1;
  readonly id: string;
  readonly ociVersion: string;
  readonly bundle: string;
  readonly rootfs: string;
  /** RFC 3339. */
  readonly created: string;
  readonly pid: number;
  /** With the pid it names one process for good (proc_pid_stat(5), field 22). */
  readonly startTicks: number;
  readonly cgroupPath: string;
  /** The unit of systemd's that the cgroup belongs to (--systemd-cgroup). */
  readonly systemdUnit?: string;
  /** Groups of resctrl that go with the container, innermost first. */
  readonly resctrl?: readonly string[];
  /** The kernel's number of the mount over `rootfs` on the host, where the container has no mount namespace of its own. */
  readonly rootMount?: number;
  readonly idMap: IdMap | null;
  /** The container has a process namespace of its own: its first process's end is everyone's. */
  readonly ownPids: boolean;
  readonly annotations: Readonly<Record<string, string>>;
}

const largestRecord = 1024 * 1024;

/** `invalid-argument` for an id that is no plain file name. */
export function checkId(id: string): string {
  if (/^[\w+.-]{1,1024}$/.test(id) && id !== '.' && id !== '..') return id;
  throw new OrlopError('invalid-argument', 'RUNTIME_ID', `invalid container id ${JSON.stringify(id)}`, {
    details: { id },
    hint: 'use letters, digits, "_", "+", "-" and "."',
  });
}

export function directoryOf(root: string, id: string): string {
  return join(root, checkId(id));
}

/** Reserves the id by making its directory. `already-exists` when it is taken. */
export function makeContainerDirectory(root: string, id: string): string {
  const directory = directoryOf(root, id);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  try {
    mkdirSync(directory, 0o711);
    return directory;
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    throw new OrlopError('already-exists', 'RUNTIME_CONTAINER_EXISTS', `container with id ${id} already exists`, {
      hint: `choose another id, or delete it: orlop-runtime delete ${id}`,
      cause: error,
    });
  }
}

export function saveRecord(root: string, record: ContainerRecord): void {
  replaceFile(join(directoryOf(root, record.id), 'state.json'), formatJson(record), 0o600);
}

/** Readers see the old or the new contents, whole. Not synced: what it says ends with the machine's uptime. */
export function replaceFile(path: string, text: string, mode = 0o644): void {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}`);
  try {
    writeFileSync(temporary, text, { mode });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** `not-found` `RUNTIME_CONTAINER_UNKNOWN` when there is no such container. */
export function loadRecord(root: string, id: string): ContainerRecord {
  const file = join(directoryOf(root, id), 'state.json');
  try {
    return checkRecord(parseJson(toJsonText(readFileSync(file)), { name: file, maxBytes: largestRecord }), file);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new OrlopError('not-found', 'RUNTIME_CONTAINER_UNKNOWN', `container ${id} does not exist`, {
      hint: 'list them with: orlop-runtime list',
      cause: error,
    });
  }
}

function checkRecord(json: unknown, file: string): ContainerRecord {
  const record = json as Partial<ContainerRecord> | null;
  if (record?.version === 1 && typeof record.id === 'string' && typeof record.pid === 'number') return record as ContainerRecord;
  throw new OrlopError('data-loss', 'RUNTIME_STATE_BROKEN', `${file} is not a container's record`);
}

/** The spec as it was when the container was created. */
export function loadSpec(root: string, id: string): Spec {
  return parseSpecText(toJsonText(readFileSync(join(directoryOf(root, id), 'config.json'))));
}

/** Every container that has a record, by id. A directory without one, such as of a container that is just being made or removed, is `incomplete`. */
export function listRecords(root: string, incomplete: (id: string) => void = () => {}): ContainerRecord[] {
  let names: string[];
  try {
    const entries = readdirSync(root, { withFileTypes: true });
    names = entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).toSorted();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
  return names.flatMap((name) => {
    try {
      return [loadRecord(root, name)];
    } catch (error) {
      if (!(error instanceof OrlopError) || (error.kind !== 'not-found' && error.kind !== 'invalid-argument')) throw error;
      if (error.kind === 'not-found') incomplete(name);
      return [];
    }
  });
}

export function removeContainerDirectory(root: string, id: string): void {
  const directory = directoryOf(root, id);
  try {
    for (const file of ['state.json', 'config.json']) unlinkSync(join(directory, file));
    rmdirSync(directory);
  } catch {
    // There is more in it, or less: looking costs what the usual removal saves.
    rmSync(directory, { recursive: true, force: true });
  }
}
