import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { Logger } from '#log';
import {
  type Addon,
  AT_FDCWD,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  openInRoot,
  removeTree,
  ST_RDONLY,
  syncDirectory,
  writeFileAtomic,
} from '#sys';
import { contentOf, fillingMark, fillingPartMark, readVolumes, recordFile, temporaryName } from './directory.ts';
import { createLocalDriver, localDriverName } from './local-driver.ts';
import { checkVolumeName, createVolumeName } from './names.ts';
import { createVolumeSizes } from './sized.ts';
import type { VolumeDriver, VolumeRecord, VolumeRequest, Volumes, VolumeSizes } from './types.ts';

export interface OpenVolumesOptions {
  readonly addon: Addon;
  /** Made when it is missing. */
  readonly root: string;
  readonly logger: Logger;
  /** How sizes are limited; by default as the file system of the root can. null: no volume can have a limited size. */
  readonly sizes?: VolumeSizes | null;
  /** Absent: `local` alone. */
  readonly drivers?: readonly VolumeDriver[];
}

interface LiveVolume {
  readonly record: VolumeRecord;
  readonly directory: string;
  readonly driver: VolumeDriver;
  readonly users: Set<string>;
  /** One change at a time. */
  last: Promise<unknown>;
  gone: boolean;
}

interface Keeping {
  readonly addon: Addon;
  readonly root: string;
  readonly drivers: ReadonlyMap<string, VolumeDriver>;
  readonly live: Map<string, LiveVolume>;
  readonly making: Map<string, Promise<LiveVolume>>;
  readonly background: Set<Promise<void>>;
  readonly logger: Logger;
}

/** Volumes below a directory, each with its record beside its content. Clears what an interrupted change left; disposing waits for deletions. */
export async function openVolumes(options: OpenVolumesOptions): Promise<Volumes> {
  const { addon, root, logger } = options;
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const sizes = options.sizes === undefined ? createVolumeSizes(addon, root) : options.sizes;
  const drivers = options.drivers ?? [createLocalDriver(addon, sizes)];
  const byName = new Map(drivers.map((driver) => [driver.name, driver]));
  const keeping: Keeping = { addon, root, drivers: byName, live: new Map(), making: new Map(), background: new Set(), logger };
  const { records, broken, leftovers } = readVolumes(root);
  for (const record of records) {
    const driver = byName.get(record.driver);
    if (driver === undefined) logger.error('a volume is left out: its driver is not here', { volume: record.name, driver: record.driver });
    else keeping.live.set(record.name, createLive(keeping, record, driver));
  }
  for (const [volume, error] of broken) logger.error('a volume is left out', { volume, error });
  for (const path of leftovers) {
    await sizes?.free(path);
    removeLater(keeping, path);
  }
  return volumesOf(keeping);
}

function volumesOf(keeping: Keeping): Volumes {
  const find = (name: string): LiveVolume => {
    const found = keeping.live.get(name);
    if (found === undefined) throw notFound(name);
    return found;
  };
  return {
    list: () => [...keeping.live.values()].map(({ record }) => record).toSorted((one, other) => (one.name < other.name ? -1 : 1)),
    find: (name) => find(name).record,
    pathOf: (name) => contentOf(join(keeping.root, name)),
    create: (request, user) => createVolume(keeping, request, user),
    remove: (name, { users = [] } = {}) => removeVolume(keeping, find(name), users),
    acquire: async (name, user) => acquire(keeping, find(name), user),
    async release(name, user) {
      const volume = keeping.live.get(name);
      return volume !== undefined && (await release(volume, user));
    },
    fill: async (name, copy, part) => fill(keeping, find(name), copy, part),
    async reconcile(users) {
      for (const volume of keeping.live.values()) {
        for (const user of users.get(volume.record.name) ?? []) volume.users.add(user);
        if (volume.users.size === 0) await inTurn(volume, () => volume.driver.unmount(volume.directory, volume.record));
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(keeping.background);
    },
  };
}

function createLive({ root }: Keeping, record: VolumeRecord, driver: VolumeDriver): LiveVolume {
  return { record, directory: join(root, record.name), driver, users: new Set(), last: Promise.resolve(), gone: false };
}

function inTurn<T>(volume: LiveVolume, step: () => Promise<T>): Promise<T> {
  const next = volume.last.then(step);
  volume.last = next.catch(() => {});
  return next;
}

async function createVolume(keeping: Keeping, request: VolumeRequest, user: string | undefined): ReturnType<Volumes['create']> {
  const name = request.name ?? createVolumeName();
  checkVolumeName(name);
  // Nothing is waited for between the look and the start of making: two never make the same.
  const before = keeping.live.get(name) ?? keeping.making.get(name);
  const known = before === undefined ? null : await before;
  if (known !== null && request.driver !== undefined && request.driver !== known.record.driver) throw nameTaken(name);
  const volume = known ?? (await makeVolume(keeping, name, request));
  if (user !== undefined) {
    try {
      await acquire(keeping, volume, user);
    } catch (error) {
      // Nothing is left of a volume that nobody could use.
      if (known === null) await removeVolume(keeping, volume, []);
      throw error;
    }
  }
  return { volume: volume.record, isNew: known === null };
}

/** Whole or not at all: it gets its name when it is complete. */
async function makeVolume(keeping: Keeping, name: string, request: VolumeRequest): Promise<LiveVolume> {
  const driver = keeping.drivers.get(request.driver ?? localDriverName);
  if (driver === undefined) throw driverNotFound(name, request.driver ?? '');
  const { labels = {}, options = {}, isAnonymous = request.name === undefined } = request;
  const record = { name, driver: driver.name, labels, options, createdAtMs: Date.now(), isAnonymous, ...driver.check(options) };
  const made = writeVolume(keeping, createLive(keeping, record, driver));
  keeping.making.set(name, made);
  try {
    return await made;
  } finally {
    keeping.making.delete(name);
  }
}

async function writeVolume(keeping: Keeping, volume: LiveVolume): Promise<LiveVolume> {
  const { root, live } = keeping;
  const { record, driver, directory } = volume;
  if (existsSync(directory)) throw unreadableName(record.name);
  const temporary = temporaryName(root, 'new');
  mkdirSync(temporary, { mode: 0o700 });
  try {
    await driver.make(temporary, record);
    await writeFileAtomic(join(temporary, recordFile), JSON.stringify(record));
    await rename(temporary, directory);
    await syncDirectory(root);
  } catch (error) {
    removeLater(keeping, temporary);
    throw error;
  }
  live.set(record.name, volume);
  return volume;
}

function removeVolume(keeping: Keeping, volume: LiveVolume, users: readonly string[]): Promise<void> {
  return inTurn(volume, async () => {
    const { record, directory, driver } = volume;
    if (volume.gone) throw notFound(record.name);
    const all = [...new Set([...users, ...volume.users])];
    if (all.length > 0) throw inUse(record.name, all);
    await driver.unmount(directory, record);
    const doomed = temporaryName(keeping.root, 'gone');
    await rename(directory, doomed);
    volume.gone = true;
    keeping.live.delete(record.name);
    await syncDirectory(keeping.root);
    // Only now, or a kill in between would leave a volume without its limit.
    await driver.unmake(doomed, record);
    removeLater(keeping, doomed);
  });
}

function removeLater({ addon, background, logger }: Keeping, path: string): void {
  const task = removeTree(addon, path)
    .catch((error: unknown) => logger.warn('what is left of a volume could not be deleted', { path, error }))
    .finally(() => background.delete(task));
  background.add(task);
}

function acquire(keeping: Keeping, volume: LiveVolume, user: string): Promise<{ path: string }> {
  return inTurn(volume, async () => {
    const { record, directory, driver } = volume;
    if (volume.gone) throw notFound(record.name);
    await driver.mount(directory, record);
    try {
      if (volume.users.size === 0 && isMarked(directory)) await emptyAgain(keeping, directory);
    } catch (error) {
      await driver.unmount(directory, record);
      throw error;
    }
    volume.users.add(user);
    return { path: contentOf(directory) };
  });
}

function release(volume: LiveVolume, user: string): Promise<boolean> {
  return inTurn(volume, async () => {
    const known = volume.users.delete(user);
    if (known && volume.users.size === 0 && !volume.gone) await volume.driver.unmount(volume.directory, volume.record);
    return known;
  });
}

/** Only for one that is acquired. The mark is there while it is half full, unless others see it already: what these write is never taken away. */
function fill({ addon }: Keeping, volume: LiveVolume, copy: (path: string) => Promise<void>, part?: string): Promise<boolean> {
  return inTurn(volume, async () => {
    const { directory, users } = volume;
    const content = contentOf(directory);
    if ((addon.statfs(content).flags & ST_RDONLY) !== 0) return false;
    const filled = await inPart(addon, content, part, async (path) => {
      if (!isEmpty(path)) return false;
      if (users.size === 1) await mark(directory, part);
      await copy(path);
      return true;
    });
    if (filled !== true) return false;
    sync(addon, content);
    unmark(directory);
    return true;
  });
}

function isEmpty(path: string): boolean {
  return readdirSync(path).every((name) => name === ownedByFileSystem);
}

/** What a container made of its volume leads nowhere else: a part is a directory within it, held open meanwhile. null: there is none. */
async function inPart<Result>(
  addon: Addon,
  content: string,
  part: string | undefined,
  work: (path: string) => Promise<Result>,
): Promise<Result | null> {
  if (part === undefined) return work(content);
  await using open = new AsyncDisposableStack();
  const adopt = (descriptor: number): number => open.adopt(descriptor, (one) => addon.close(one));
  const top = adopt(addon.openat2(AT_FDCWD, content, O_PATH | O_DIRECTORY, 0, 0));
  let inside: number;
  try {
    inside = adopt(openInRoot(addon, top, part, O_PATH | O_DIRECTORY));
  } catch (error) {
    // Whether it may be missing, or be a file, is seen when it is mounted.
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return null;
    throw error;
  }
  return await work(`/proc/self/fd/${inside}/.`);
}

/** That of a part must never be there without its path, which would then be the whole volume's. */
async function mark(directory: string, part: string | undefined): Promise<void> {
  if (part === undefined) writeFileSync(fillingMark(directory), '');
  else await writeFileAtomic(fillingPartMark(directory), part);
}

function unmark(directory: string): void {
  rmSync(fillingMark(directory), { force: true });
  rmSync(fillingPartMark(directory), { force: true });
}

/** What a new ext4 has in its root. */
const ownedByFileSystem = 'lost+found';

function isMarked(directory: string): boolean {
  return existsSync(fillingMark(directory)) || existsSync(fillingPartMark(directory));
}

async function emptyAgain({ addon }: Keeping, directory: string): Promise<void> {
  const partMark = fillingPartMark(directory);
  const part = existsSync(partMark) ? readFileSync(partMark, 'utf8') : undefined;
  await inPart(addon, contentOf(directory), part, async (path) => {
    for (const name of readdirSync(path)) if (name !== ownedByFileSystem) await removeTree(addon, join(path, name));
  });
  unmark(directory);
}

/** Before the mark goes: after a power cut it must not be half full without one. */
function sync(addon: Addon, path: string): void {
  const descriptor = addon.openat2(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, 0);
  try {
    addon.syncfs(descriptor);
  } finally {
    addon.close(descriptor);
  }
}

function notFound(name: string): OrlopError {
  return new OrlopError('not-found', 'VOLUME_NOT_FOUND', `get ${name}: no such volume`, { hint: 'orlop volume ls lists them' });
}

function inUse(name: string, users: readonly string[]): OrlopError {
  return new OrlopError('conflict', 'VOLUME_IN_USE', `remove ${name}: volume is in use - [${users.join(', ')}]`, {
    hint: 'remove these containers first',
  });
}

function nameTaken(name: string): OrlopError {
  return new OrlopError('conflict', 'VOLUME_NAME_TAKEN', `create ${name}: conflict: volume name must be unique`);
}

function driverNotFound(name: string, driver: string): OrlopError {
  const message = `create ${name}: error looking up volume plugin ${driver}: plugin ${JSON.stringify(driver)} not found`;
  return new OrlopError('not-found', 'VOLUME_DRIVER_NOT_FOUND', message, { hint: 'the one driver is local' });
}

function unreadableName(name: string): OrlopError {
  return new OrlopError('data-loss', 'VOLUME_UNREADABLE', `create ${name}: there is a volume of this name whose record cannot be read`, {
    hint: "move its directory out of the data root's volumes/",
  });
}
