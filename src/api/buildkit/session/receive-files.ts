import { OrlopError } from '#errors';
import type { SentFile } from '#wire';
import type { ContextSource } from '../backend.ts';
import type { Metadata, OpenCall } from '../grpc/client.ts';
import { type Message } from '../protobuf/message.ts';
import { packetKinds, packetType, type Stat } from '../messages/session.ts';
import { permissionsOfMode, typeOfMode } from './go-mode.ts';
import type { ClientSession } from './sessions.ts';

/** Which files of a client's directory are wanted. */
export interface WantedFiles {
  /** A name that the client has given the directory. */
  readonly directory: string;
  /** Only these; absent: all. */
  readonly include?: readonly string[];
  /** Lines of an ignore file. */
  readonly exclude?: readonly string[];
  /** Where links among the included lead to is included. */
  readonly follow?: readonly string[];
}

/** As much may be told of files before any is written. */
const mostFiles = 2_000_000;
const longestNames = 512 * 1024 * 1024;
/** As many files are asked for before they are needed, if all of them together are small: the client answers them side by side. */
const mostAsked = 64;
const mostHeld = 4 * 1024 * 1024;

const method = '/moby.filesync.v1.FileSync/DiffCopy';

/**
 * Files of a directory of the client's, in the client's order, parents first. The client is asked for each file's content a little before it is needed, so that no more than a few MiB are
 * held. Fails as the client says; invalid-argument `BUILDKIT_BAD_FILES` for a client that keeps no order.
 */
export async function* receiveFiles(
  session: ClientSession,
  wanted: WantedFiles,
  signal: AbortSignal,
): AsyncGenerator<SentFile, void, undefined> {
  const receiving = openFiles(session, wanted, signal);
  try {
    yield* receive(receiving, null);
  } finally {
    receiving.call.cancel();
  }
}

/**
 * The same as a list of which only some need be sent. A file counts as what it was while all that the client tells of it is equal, as in BuildKit: a change that leaves size and time is
 * not seen.
 */
export function offerFiles(session: ClientSession, wanted: WantedFiles, signal: AbortSignal): ContextSource {
  if (session.sharedKey === '' || !session.offers(method)) return { files: receiveFiles(session, wanted, signal) };
  let receiving: Receiving | null = null;
  return {
    key: JSON.stringify(['buildkit', session.sharedKey, wanted.directory]),
    name: session.sharedKey.replace(/:[^:]*$/, ''),
    async *list() {
      receiving = openFiles(session, wanted, signal);
      while (!receiving.allTold) await takePacket(receiving);
      const settledNs = BigInt(Date.now()) * 1_000_000n - unsettledNs;
      for (const { stat } of receiving.stats) yield { path: stat.path, stamp: stampOf(stat, settledNs) };
    },
    take: (positions) => ({ files: takeListed(receiving, new Set(positions)) }),
  };
}

/** What has changed so short a time ago may change again without another time. */
const unsettledNs = 2_000_000_000n;

function stampOf({ mode, size, mtimeNs, linkName, major, minor, xattrs }: Stat, settledNs: bigint): string {
  if (mtimeNs > settledNs) return '';
  const attributes = Object.entries(xattrs).map(([name, value]) => [name, Buffer.from(value).toString('base64')]);
  return JSON.stringify([mode, size, String(mtimeNs), linkName, major, minor, ...attributes]);
}

async function* takeListed(receiving: Receiving | null, positions: ReadonlySet<number>): AsyncGenerator<SentFile, void, undefined> {
  if (receiving === null) return;
  try {
    yield* receive(receiving, positions);
  } finally {
    receiving.call.cancel();
  }
}

/** Values go as they are while they are ASCII, else escaped as in a query, which another key says (session/filesync). */
function metadataOf({ directory, include, exclude, follow }: WantedFiles): Metadata {
  const metadata: Record<string, readonly string[]> = {};
  const put = (key: string, values: readonly string[] | undefined): void => {
    if (values === undefined || values.length === 0) return;
    const plain = values.every((value) => /^[\x20-\x7e]*$/.test(value));
    metadata[key] = plain ? values : values.map((value) => encodeURIComponent(value).replaceAll('%20', '+'));
    if (!plain) metadata[`${key}-encoded`] = ['1'];
  };
  put('dir-name', [directory]);
  put('include-patterns', include);
  put('exclude-patterns', exclude);
  put('followpaths', follow);
  return metadata;
}

type Packet = Message<typeof packetType>;

/** What has come of one file's content. */
interface Incoming {
  readonly chunks: Uint8Array[];
  bytes: number;
  ended: boolean;
}

interface Receiving {
  readonly call: OpenCall;
  readonly packets: AsyncIterator<Uint8Array>;
  readonly stats: { readonly id: number; readonly stat: Stat }[];
  readonly incoming: Map<number, Incoming>;
  /** Position in `stats` of the next file to ask for. */
  nextAsked: number;
  asked: number;
  held: number;
  told: number;
  names: number;
  allTold: boolean;
}

function openFiles(session: ClientSession, wanted: WantedFiles, signal: AbortSignal): Receiving {
  if (!session.offers(method)) throw new OrlopError('failed-precondition', 'BUILDKIT_NO_FILES', 'the client offers no local directories');
  const call = session.services.open(method, metadataOf(wanted), signal);
  return {
    call,
    packets: call.messages[Symbol.asyncIterator](),
    stats: [],
    incoming: new Map(),
    nextAsked: 0,
    asked: 0,
    held: 0,
    told: 0,
    names: 0,
    allTold: false,
  };
}

/** `only`: positions of what is wanted; null: all of it. */
async function* receive(receiving: Receiving, only: ReadonlySet<number> | null): AsyncGenerator<SentFile, void, undefined> {
  const isWanted = (at: number): boolean => only === null || only.has(at);
  for (let at = 0; ; at++) {
    while (at >= receiving.stats.length && !receiving.allTold) await takePacket(receiving);
    const next = receiving.stats[at];
    if (next === undefined) break;
    const type = typeOfEntry(next.stat);
    if (type === null || !isWanted(at)) continue;
    await askAhead(receiving, at, isWanted);
    yield* fileOf(receiving, next, type);
    // What has been handed out is not kept.
    receiving.stats[at] = { id: next.id, stat: forgotten };
  }
  await receiving.call.send(packetType.encode({ type: packetKinds.finish }));
  receiving.call.end();
  // The client says that it has finished, too.
  while (!(await receiving.packets.next()).done);
}

const forgotten = { path: '', mode: 0x0100_0000, linkName: '', size: 0 } as Stat;

/** Hard links are files that name another one. */
function typeOfEntry(stat: Stat): SentFile['type'] | null {
  const type = typeOfMode(stat.mode);
  return type === 'file' && stat.linkName !== '' ? 'link' : type;
}

async function* fileOf(
  receiving: Receiving,
  { id, stat }: { readonly id: number; readonly stat: Stat },
  type: SentFile['type'],
): AsyncGenerator<SentFile, void, undefined> {
  const file = {
    path: stat.path,
    type,
    mode: permissionsOfMode(stat.mode),
    mtimeNs: stat.mtimeNs,
    target: stat.linkName,
    major: stat.major,
    minor: stat.minor,
    xattrs: stat.xattrs,
  };
  if (type !== 'file') return yield { ...file, sizeBytes: 0, content: nothing() };
  const incoming = receiving.incoming.get(id);
  if (incoming === undefined) throw badFiles(`${JSON.stringify(stat.path)} was not asked for`);
  // Small files come whole before they are handed on: they may have changed their size meanwhile.
  if (stat.size <= mostHeld) {
    while (!incoming.ended) await takePacket(receiving);
    const chunks = incoming.chunks.splice(0);
    receiving.held -= incoming.bytes;
    receiving.incoming.delete(id);
    receiving.asked--;
    return yield { ...file, sizeBytes: incoming.bytes, content: given(chunks) };
  }
  yield { ...file, sizeBytes: stat.size, content: large(receiving, incoming, stat) };
  receiving.incoming.delete(id);
  receiving.asked--;
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function* given(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function* large(receiving: Receiving, incoming: Incoming, { path, size }: Stat): AsyncGenerator<Uint8Array> {
  let taken = 0;
  for (;;) {
    for (let chunk = incoming.chunks.shift(); chunk !== undefined; chunk = incoming.chunks.shift()) {
      taken += chunk.length;
      receiving.held -= chunk.length;
      if (taken > size) break;
      yield chunk;
    }
    if (incoming.ended || taken > size) break;
    await takePacket(receiving);
  }
  if (taken !== size)
    throw new OrlopError('unavailable', 'BUILDKIT_FILE_CHANGED', `${JSON.stringify(path)} has changed while it was sent`, {
      hint: 'build again once nothing writes to the directory',
    });
}

/** Asks for the content of the file at `at` and of small ones after it. */
async function askAhead(receiving: Receiving, at: number, isWanted: (at: number) => boolean): Promise<void> {
  let ahead = 0;
  for (; receiving.asked < mostAsked; receiving.nextAsked++) {
    const next = receiving.stats[receiving.nextAsked];
    if (next === undefined) return;
    if (receiving.nextAsked >= at && typeOfEntry(next.stat) === 'file' && isWanted(receiving.nextAsked)) {
      ahead += next.stat.size;
      if (receiving.nextAsked > at && (next.stat.size > mostHeld || receiving.held + ahead > mostHeld)) return;
      receiving.incoming.set(next.id, { chunks: [], bytes: 0, ended: false });
      receiving.asked++;
      await receiving.call.send(packetType.encode({ type: packetKinds.request, id: next.id }));
    }
  }
}

async function takePacket(receiving: Receiving): Promise<void> {
  const { value, done } = await receiving.packets.next();
  if (done === true) throw badFiles('the client has ended before all was sent');
  const packet = packetType.decode(value);
  if (packet.type === packetKinds.stat) takeStat(receiving, packet);
  else if (packet.type === packetKinds.data) takeData(receiving, packet);
  else if (packet.type === packetKinds.error)
    throw new OrlopError(
      'unavailable',
      'BUILDKIT_CLIENT_FAILED',
      `the client: ${Buffer.from(packet.data).toString('utf8').slice(0, 2000)}`,
    );
  else throw badFiles('a packet is of a kind that has no place here');
}

function takeStat(receiving: Receiving, { stat }: Packet): void {
  // One without a file ends them.
  if (stat === undefined) receiving.allTold = true;
  else {
    receiving.names += stat.path.length + stat.linkName.length;
    if (++receiving.told > mostFiles || receiving.names > longestNames)
      throw new OrlopError('resource-exhausted', 'BUILDKIT_TOO_MANY_FILES', `the build context has more than ${mostFiles} files`, {
        hint: 'leave files out with a .dockerignore',
      });
    receiving.stats.push({ id: receiving.told - 1, stat });
  }
}

function takeData(receiving: Receiving, { id, data }: Packet): void {
  const incoming = receiving.incoming.get(id);
  if (incoming === undefined || incoming.ended) throw badFiles('it sends content that nobody has asked for');
  if (data.length === 0) incoming.ended = true;
  else {
    incoming.chunks.push(data);
    incoming.bytes += data.length;
    receiving.held += data.length;
    // A file may grow while it is sent, not without end.
    if (receiving.held > 8 * mostHeld) throw badFiles('a file is larger than it was said to be');
  }
}

function badFiles(why: string): OrlopError {
  return new OrlopError('invalid-argument', 'BUILDKIT_BAD_FILES', `the client's files cannot be received: ${why}`);
}
