import { createHash, randomBytes } from 'node:crypto';
import { fstatSync, ftruncateSync, mkdirSync, openSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { createListingMaker, type ListedFile, type Listing } from '#build';
import type { Logger } from '#log';
import { type ByteText, toByteText } from '#store';
import { bootId } from '#sys';
import type { BuildCacheView, Offer, OfferedContext } from '#wire';
import { createSerialQueues } from '../serial.ts';
import { type FileSource, tarOf } from './sent-files.ts';
import { type KeptFiles, readKeptFiles, readKeptHead, writeKeptFiles } from './kept-files.ts';

/** What a context was when it was last sent, so that the next build is only sent what has changed since. */
export interface KeptContexts {
  /** Takes up what is offered; asks for what is not here. The descriptor that it is given to is open as long as the listing is used. */
  receive(offered: OfferedContext<FileSource>, options: ReceiveOptions): Promise<Listing>;
  list(): BuildCacheView[];
  remove(ids: readonly string[]): void;
}

export interface ReceiveOptions {
  /** Closes a descriptor once the build is over. */
  readonly adopt: (descriptor: number) => void;
  readonly onBytes: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/** As BuildKit's own policy: sources are small and soon stale. */
const unusedMs = 48 * 3600 * 1000;
const mostBytes = 2 * 1024 ** 3;
const mostBytesOfOne = 1024 ** 3;
/** As much may be in a file of contents that nothing uses any more, beside as much again as what is used. */
const slackBytes = 16 * 1024 ** 2;

interface Keeping {
  readonly root: string;
  readonly logger: Logger;
  /** Contexts that are being received. */
  readonly busy: Set<string>;
}

/**
 *     <root>/<id>/index             what is in the directory: names, stamps, facts, digests
 *     <root>/<id>/contents-<hex>    contents one after the other; only ever longer, since builds that run read there
 *
 * Nothing is synced: what was written under another run of the kernel is not taken up.
 */
export function createKeptContexts(root: string, logger: Logger): KeptContexts {
  const keeping: Keeping = { root, logger, busy: new Set() };
  const queues = createSerialQueues();
  return {
    async receive(offered, options) {
      const id = idOf(offered);
      options.signal.throwIfAborted();
      const turn = queues.run(id, async () => {
        options.signal.throwIfAborted();
        keeping.busy.add(id);
        try {
          return await receive(keeping, id, offered, options);
        } finally {
          keeping.busy.delete(id);
        }
      });
      return await unlessAborted(turn, options.signal);
    },
    list: () => listKept(keeping),
    remove(ids) {
      for (const id of ids) if (!keeping.busy.has(id)) rmSync(join(root, id), { recursive: true, force: true });
    },
  };
}

function idOf({ key }: Offer): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 25);
}

/** Another build of the same directory may be slow to send it. */
async function unlessAborted<T>(turn: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const giveUp = (): void => reject(signal.reason);
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await Promise.race([turn, promise]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

async function receive(keeping: Keeping, id: string, offered: OfferedContext<FileSource>, options: ReceiveOptions): Promise<Listing> {
  const { signal } = options;
  const place = join(keeping.root, id);
  const stamps = new Map<ByteText, string>();
  const paths: ByteText[] = [];
  for await (const { path, stamp } of offered.list()) {
    signal.throwIfAborted();
    const inner = toByteText(path);
    stamps.set(inner, stamp);
    paths.push(inner);
  }
  mkdirSync(place, { recursive: true, mode: 0o700 });
  const known = takeUp(place);
  const contents = known?.contents ?? `contents-${randomBytes(6).toString('hex')}`;
  const descriptor = openSync(join(place, contents), known === null ? 'wx+' : 'r+', 0o600);
  options.adopt(descriptor);
  const begin = fstatSync(descriptor).size;
  try {
    const wanted = paths.flatMap((path, at) => (known?.files.get(path)?.stamp === (stamps.get(path) || null) ? [] : [at]));
    const listing = await listOffered(offered, { paths, wanted, known, descriptor, begin, options });
    if (wanted.length === 0 && known?.files.size === stamps.size) touch(place);
    else
      await keep(keeping, id, { name: offered.name, contents, createdMs: known?.createdMs ?? Date.now(), files: filesOf(listing, stamps) });
    return listing;
  } catch (error) {
    // Half a context is of no use, and the disk may be full.
    if (known === null) rmSync(place, { recursive: true, force: true });
    else ftruncateSync(descriptor, begin);
    throw error;
  }
}

interface Offered {
  readonly paths: readonly ByteText[];
  readonly wanted: readonly number[];
  readonly known: KeptFiles | null;
  readonly descriptor: number;
  /** Where the file of contents ended. */
  readonly begin: number;
  readonly options: ReceiveOptions;
}

async function listOffered(
  offered: OfferedContext<FileSource>,
  { paths, wanted, known, descriptor, begin, options: { signal, onBytes } }: Offered,
): Promise<Listing> {
  const maker = createListingMaker(descriptor, begin);
  const missing = new Set(wanted);
  for (const [at, path] of paths.entries()) {
    const file = missing.has(at) ? undefined : known?.files.get(path)?.file;
    if (file !== undefined) maker.takeKept(path, file);
  }
  const sent = tarOf(offered.take(wanted));
  if (wanted.length > 0) await maker.takeTar(sent, { signal, onBytes: (bytes) => onBytes(bytes - begin) });
  else for await (const _ of sent) signal.throwIfAborted();
  return maker.finish();
}

/** What is known of a directory, as long as its file of contents is what it was and not mostly waste; else null, and nothing of it is left. */
function takeUp(place: string): KeptFiles | null {
  const known = readKeptFiles(join(place, 'index'), bootId());
  if (known !== null) {
    const files = [...new Set([...known.files.values()].map(({ file }) => file))];
    const used = files.reduce((sum, { size }) => sum + size, 0);
    const end = files.reduce((most, { offset, size }) => Math.max(most, offset + size), 0);
    const there = sizeOf(join(place, known.contents));
    if (there !== null && there >= end && there <= 2 * used + slackBytes) return known;
  }
  for (const name of readdirSync(place)) rmSync(join(place, name));
  return null;
}

function sizeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.size ?? null;
}

function filesOf(listing: Listing, stamps: ReadonlyMap<ByteText, string>): Map<ByteText, { stamp: string; file: ListedFile }> {
  const files = new Map<ByteText, { stamp: string; file: ListedFile }>();
  for (const [path, file] of listing.files()) {
    const stamp = stamps.get(path) ?? '';
    if (stamp !== '') files.set(path, { stamp, file });
  }
  return files;
}

/** A build does not fail for what only a later one would use. */
async function keep(keeping: Keeping, id: string, files: KeptFiles): Promise<void> {
  const place = join(keeping.root, id);
  try {
    if ((sizeOf(join(place, files.contents)) ?? 0) > mostBytesOfOne) rmSync(place, { recursive: true, force: true });
    else await writeKeptFiles(join(place, 'index'), bootId(), files);
    trim(keeping, id);
  } catch (error) {
    keeping.logger.warn('a build context is not kept', { error });
    rmSync(place, { recursive: true, force: true });
  }
}

function touch(place: string): void {
  const now = new Date();
  utimesSync(join(place, 'index'), now, now);
}

/** Forgets what has not been used for long, and the longest unused of what is too much. */
function trim(keeping: Keeping, current: string): void {
  let bytes = 0;
  for (const { id, sizeBytes, usedMs, inUse } of listKept(keeping).toSorted((one, other) => other.usedMs - one.usedMs)) {
    bytes += sizeBytes;
    if (id === current || inUse || (bytes <= mostBytes && Date.now() - usedMs < unusedMs)) continue;
    bytes -= sizeBytes;
    rmSync(join(keeping.root, id), { recursive: true, force: true });
  }
}

function listKept({ root, busy }: Keeping): BuildCacheView[] {
  return namesIn(root).map((id) => {
    const place = join(root, id);
    const head = readKeptHead(join(place, 'index'));
    return {
      id,
      type: 'source.local',
      description: `local source for ${head?.name ?? 'a context'}`,
      sizeBytes: namesIn(place).reduce((sum, name) => sum + (sizeOf(join(place, name)) ?? 0), 0),
      createdMs: head?.createdMs ?? 0,
      usedMs: Math.round(statSync(join(place, 'index'), { throwIfNoEntry: false })?.mtimeMs ?? 0),
      uses: 0,
      inUse: busy.has(id),
      shared: false,
    };
  });
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
