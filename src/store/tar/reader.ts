import { type ByteText, byteTextOf, showByteText } from './byte-text.ts';
import {
  badTar,
  blockSize,
  type Extent,
  isZeroBlock,
  parseRawHeader,
  type RawHeader,
  roundUpToBlock,
  type TarEntry,
  type TarType,
} from './header.ts';
import { mergePax, noPax, type PaxRecords, parsePax, paxNumber, paxTime, paxXattrs } from './pax.ts';
import {
  checkExtents,
  createSparseOneMap,
  isSparseOne,
  maxExtents,
  oldGnuExtension,
  oldGnuHeaderMap,
  paxHeaderMap,
  type SparseMap,
} from './sparse.ts';

/** Receives an archive in order: each entry, a file's data right after it, then its end. */
export interface TarHandlers {
  entry(entry: TarEntry): void;
  /** `offset` is that of the real file: holes are skipped. The chunk is only good during the call. */
  data(chunk: Buffer, offset: number): void;
  /** Only after files. */
  endOfFile(): void;
}

export interface TarReader {
  /** Throws invalid-argument `STORE_BAD_TAR`, or whatever a handler throws; the reader is then finished. */
  write(chunk: Buffer): void;
  /** Throws `STORE_BAD_TAR` when the archive stops in the middle of something. */
  end(): void;
}

/** Extended headers carry attributes of up to 64 KiB each and sparse maps. */
const maxPaxBytes = 4 * 1024 * 1024;
const maxLongNameBytes = 64 * 1024;

/** A positive number asks for exactly so many bytes, a negative one for at most so many (at least one); null answers the end. */
type Parser = Generator<number, void, Buffer | null>;

/**
 * A push parser for v7, ustar, star, GNU and pax archives: long names, base-256 numbers, nanosecond times, binary extended attributes,
 * all four kinds of sparse files. Memory is bounded whatever the input.
 */
export function createTarReader(handlers: TarHandlers): TarReader {
  const parser = parseArchive(handlers);
  let want = parser.next().value ?? 0;
  let held: Buffer[] = [];
  let heldBytes = 0;

  const resume = (bytes: Buffer | null): void => {
    want = parser.next(bytes).value ?? 0;
  };
  const takeHeld = (): Buffer => {
    const whole = held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held, heldBytes);
    held = [];
    heldBytes = 0;
    return whole;
  };
  return {
    write(chunk) {
      let at = 0;
      while (at < chunk.length && want !== 0) {
        const left = chunk.length - at;
        const take = Math.min(left, Math.abs(want) - heldBytes);
        const part = chunk.subarray(at, at + take);
        at += take;
        if (want < 0 || (heldBytes === 0 && take === want)) resume(part);
        else {
          // The caller may reuse its chunk: what has to wait is copied.
          held.push(Buffer.from(part));
          heldBytes += take;
          if (heldBytes === want) resume(takeHeld());
        }
      }
    },
    end() {
      if (heldBytes > 0) throw badTar('it ends in the middle of a block');
      if (want !== 0) resume(null);
    },
  };
}

/** What headers so far say about the next real entry. */
interface Pending {
  global: PaxRecords;
  globalBytes: number;
  local: PaxRecords;
  longName: ByteText | undefined;
  longLink: ByteText | undefined;
}

function* parseArchive(handlers: TarHandlers): Parser {
  const pending: Pending = { global: noPax, globalBytes: 0, local: noPax, longName: undefined, longLink: undefined };
  let position = 0;
  for (;;) {
    const block = yield blockSize;
    if (block === null) return;
    if (isZeroBlock(block)) {
      const second = yield blockSize;
      if (second === null || isZeroBlock(second)) return;
      throw badTar(`a lone zero block at byte ${position}`);
    }
    const raw = parseRawHeader(block, position);
    if (raw.size < 0) throw badTar(`the size of the entry at byte ${position} is negative`);
    position += blockSize;
    if (yield* readExtension(raw, pending)) {
      position += roundUpToBlock(raw.size);
      continue;
    }
    position += yield* readEntry(raw, block, position, pending, handlers);
    pending.local = noPax;
    pending.longName = undefined;
    pending.longLink = undefined;
  }
}

/** Headers that describe the next one. False for a real entry. */
function* readExtension(raw: RawHeader, pending: Pending): Generator<number, boolean, Buffer | null> {
  switch (raw.typeflag) {
    case 'x':
    case 'X':
      pending.local = parsePax(yield* readWhole(raw, maxPaxBytes));
      return true;
    case 'g':
      pending.globalBytes += raw.size;
      if (pending.globalBytes > maxPaxBytes) throw badTar('too many global headers');
      pending.global = mergePax(pending.global, parsePax(yield* readWhole(raw, maxPaxBytes)));
      return true;
    case 'L':
      pending.longName = untilNul(yield* readWhole(raw, maxLongNameBytes));
      return true;
    case 'K':
      pending.longLink = untilNul(yield* readWhole(raw, maxLongNameBytes));
      return true;
    case 'V':
      yield* readWhole(raw, maxLongNameBytes);
      return true;
    default:
      return false;
  }
}

function* readWhole(raw: RawHeader, limit: number): Generator<number, Buffer, Buffer | null> {
  if (raw.size > limit) throw badTar(`an extended header of ${raw.size} bytes`);
  if (raw.size === 0) return Buffer.alloc(0);
  const data = yield roundUpToBlock(raw.size);
  if (data === null) throw badTar('it ends in an extended header');
  // Kept beyond this chunk's life.
  return Buffer.from(data.subarray(0, raw.size));
}

const types: Readonly<Record<string, TarType>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  D: 'directory',
  '6': 'fifo',
};

/** Where the data of a file stands. */
interface Stored {
  /** Bytes of data in the archive. */
  readonly bytes: number;
  /** Bytes that a map took before the data. */
  readonly mapBytes: number;
  readonly sparse: SparseMap | null;
}

/** Reads one entry and its data; answers how many bytes of the archive it took after its header. */
function* readEntry(
  raw: RawHeader,
  block: Buffer,
  position: number,
  pending: Pending,
  handlers: TarHandlers,
): Generator<number, number, Buffer | null> {
  const records = mergePax(pending.global, pending.local);
  const name = nameOf(raw, records, pending.longName);
  const listed = types[raw.typeflag];
  if (listed === undefined) throw badTar(`entry ${showByteText(name)} has the unknown type ${JSON.stringify(raw.typeflag)}`);
  // A v7 archive tells directories by their slash.
  const type = listed === 'file' && name.endsWith('/') ? 'directory' : listed;
  const size = type === 'file' || raw.typeflag === 'D' ? storedSize(raw, records) : 0;
  const stored = type === 'file' ? yield* readMap(raw, block, position, records, size) : { bytes: size, mapBytes: 0, sparse: null };
  handlers.entry(describe(raw, records, { name, type, linkName: pending.longLink ?? raw.linkname, stored }));
  if (type === 'file') {
    yield* readData(stored.sparse?.extents ?? [{ offset: 0, length: stored.bytes }], handlers);
    handlers.endOfFile();
  } else yield* skip(stored.bytes);
  yield* skipPadding(roundUpToBlock(stored.bytes) - stored.bytes);
  return stored.mapBytes + roundUpToBlock(stored.bytes);
}

function nameOf(raw: RawHeader, { values }: PaxRecords, longName: ByteText | undefined): ByteText {
  const path = values.get('GNU.sparse.name') ?? values.get('path');
  const name = path !== undefined && path.length > 0 ? byteTextOf(path) : (longName ?? raw.name);
  if (name.includes('\0')) throw badTar(`file name ${showByteText(name)} contains NUL`);
  return name;
}

/** Finds out whether a file is sparse, in one of four ways, and checks its map. */
function* readMap(
  raw: RawHeader,
  block: Buffer,
  position: number,
  records: PaxRecords,
  size: number,
): Generator<number, Stored, Buffer | null> {
  if (raw.typeflag === 'S') {
    const { map, bytes } = yield* readOldGnuMap(block, position);
    checkExtents(map.extents, map.realSize, size);
    return { bytes: size, mapBytes: bytes, sparse: map };
  }
  if (isSparseOne(records)) {
    const { extents, bytes } = yield* readSparseOneMap(size);
    const realSize = paxNumber('GNU.sparse.realsize', records.values.get('GNU.sparse.realsize') ?? Buffer.alloc(0));
    checkExtents(extents, realSize, size - bytes);
    return { bytes: size - bytes, mapBytes: bytes, sparse: { realSize, extents } };
  }
  const sparse = paxHeaderMap(records);
  if (sparse !== null) checkExtents(sparse.extents, sparse.realSize, size);
  return { bytes: size, mapBytes: 0, sparse };
}

function storedSize(raw: RawHeader, { values }: PaxRecords): number {
  const size = values.get('size');
  return size === undefined || size.length === 0 ? raw.size : paxNumber('size', size);
}

interface Known {
  readonly name: ByteText;
  readonly type: TarType;
  readonly linkName: ByteText;
  readonly stored: Stored;
}

function describe(raw: RawHeader, records: PaxRecords, { name, type, linkName, stored }: Known): TarEntry {
  const { values } = records;
  const value = (key: string): Buffer | undefined => {
    const found = values.get(key);
    return found === undefined || found.length === 0 ? undefined : found;
  };
  const [uid, gid, mtime, link] = [value('uid'), value('gid'), value('mtime'), value('linkpath')];
  const isLink = type === 'link' || type === 'symlink';
  const device = type === 'character' || type === 'block';
  return {
    path: name,
    type,
    mode: raw.mode & 0o7777,
    uid: uid === undefined ? raw.uid : paxNumber('uid', uid),
    gid: gid === undefined ? raw.gid : paxNumber('gid', gid),
    size: type === 'file' ? (stored.sparse?.realSize ?? stored.bytes) : 0,
    mtimeNs: mtime === undefined ? BigInt(raw.mtime) * 1_000_000_000n : paxTime('mtime', mtime),
    linkTarget: !isLink ? ('' as ByteText) : link === undefined ? linkName : byteTextOf(link),
    major: device ? raw.major : 0,
    minor: device ? raw.minor : 0,
    xattrs: paxXattrs(records),
    ...(stored.sparse === null ? {} : { extents: stored.sparse.extents }),
  };
}

function* readData(extents: readonly Extent[], handlers: TarHandlers): Generator<number, void, Buffer | null> {
  for (const { offset, length } of extents) {
    let at = 0;
    while (at < length) {
      const chunk = yield at - length;
      if (chunk === null) throw badTar('it ends in the middle of a file');
      handlers.data(chunk, offset + at);
      at += chunk.length;
    }
  }
}

function* skip(bytes: number): Generator<number, void, Buffer | null> {
  let left = bytes;
  while (left > 0) {
    const chunk = yield -left;
    if (chunk === null) throw badTar('it ends in the middle of a file');
    left -= chunk.length;
  }
}

/** Go's archives that were never closed (`umoci insert`) end without the last file's padding; nothing of it is missing. */
function* skipPadding(bytes: number): Generator<number, void, Buffer | null> {
  let left = bytes;
  while (left > 0) left -= (yield -left)?.length ?? left;
}

function* readOldGnuMap(
  block: Buffer,
  position: number,
): Generator<number, { map: { realSize: number; extents: Extent[] }; bytes: number }, Buffer | null> {
  const { extents, more, realSize } = oldGnuHeaderMap(block, position);
  let bytes = 0;
  for (let next = more; next; ) {
    const extension = yield blockSize;
    if (extension === null) throw badTar('it ends in the map of a sparse file');
    const read = oldGnuExtension(extension, position + bytes);
    extents.push(...read.extents);
    if (extents.length > maxExtents) throw badTar('a sparse file of too many extents');
    bytes += blockSize;
    next = read.more;
  }
  return { map: { realSize, extents }, bytes };
}

function* readSparseOneMap(stored: number): Generator<number, { extents: Extent[]; bytes: number }, Buffer | null> {
  const map = createSparseOneMap();
  for (let bytes = blockSize; bytes <= stored; bytes += blockSize) {
    const block = yield blockSize;
    if (block === null) break;
    const extents = map.feed(block);
    if (extents !== null) return { extents, bytes };
  }
  throw badTar('the map of a sparse file is incomplete');
}

function untilNul(data: Buffer): ByteText {
  const end = data.indexOf(0);
  return byteTextOf(end < 0 ? data : data.subarray(0, end));
}
