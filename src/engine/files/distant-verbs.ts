import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isOrlopError, OrlopError } from '#errors';
import { fromPlainError, spawnAside, type Addon, type AsideProcess } from '#sys';
import type { InitSystem } from '#system';
import type { FileListing, PathFacts } from '#wire';
import type { EngineContext } from '../context.ts';
import { decodeFrames, encodeFrame, type FileFrame, type FileRequest } from './conversation.ts';
import type { RootOwner, RootVerbs } from './root-verbs.ts';
import type { ContainerRoot } from './root.ts';

/** One that is well says so every second. Asked twice in this time, for an engine that was busy itself. */
const patienceMs = 12_000;
/** Those that wait for what never answers cannot be ended: there is no end of them unless there is a limit. */
const mostProcesses = 16;

/** How long one stays for the next request: a copy makes three, and its start takes longer than what it does. */
const idleMs = 3_000;

interface Worker {
  readonly process: AsideProcess;
  readonly frames: AsyncGenerator<FileFrame>;
  /** Where it sends descriptors: read when it has said that they are sent. */
  readonly channel: number;
}

/** Those of one container. */
export interface FileProcesses {
  /** That have not gone yet. */
  readonly all: Set<AsideProcess>;
  /** That wait for a request. */
  readonly idle: Worker[];
}

export function createFileProcesses(): FileProcesses {
  return { all: new Set(), idle: [] };
}

/** They hold the container's root. Resolves when they have gone, at the latest after a second: who waits for what does not answer goes later. */
export async function endFileProcesses({ all }: FileProcesses): Promise<void> {
  if (all.size === 0) return;
  for (const one of all) one.kill();
  const gone = Promise.all([...all].map(({ ended }) => ended));
  await Promise.race([gone, delay(1_000, undefined, { ref: false })]);
}

type Wish = FileRequest extends infer Request ? (Request extends unknown ? Omit<Request, 'root' | 'owner'> : never) : never;

/**
 * The same verbs, each done by a process of its own: where the container's files are in a file system that does not answer, only that one waits. Then they fail with deadline-exceeded
 * `ENGINE_FILES_SILENT` after 12 s. Disposing gives up what is under way.
 */
export function openDistantVerbs(
  { addon }: Pick<EngineContext, 'addon'>,
  root: ContainerRoot,
  { owner, processes }: { readonly owner: RootOwner; readonly processes: FileProcesses },
): RootVerbs & Disposable {
  const busy = new Set<Worker>();
  const converse = async function* (wish: Wish, source?: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, unknown> {
    const request = { ...wish, root: { first: root.first, count: root.count }, owner } as FileRequest;
    const worker = takeIdle(processes) ?? startWorker(addon, root, { owner, processes });
    busy.add(worker);
    try {
      const told = yield* carryOn(worker, request, source);
      // One that has not read all that was sent would take it for the next request.
      if (told.type === 'done' || source === undefined) keepIdle(processes, worker);
      if (told.type === 'failed') throw fromPlainError(told.error);
      return wish.verb === 'bindSocket' ? takeDescriptor(addon, worker.channel) : told.result;
    } finally {
      busy.delete(worker);
      if (!processes.idle.includes(worker)) worker.process.kill();
    }
  };
  const finish = async (wish: Wish, source?: AsyncIterable<Uint8Array>): Promise<unknown> => {
    const told = converse(wish, source);
    for (;;) {
      const { done, value } = await told.next();
      if (done === true) return value;
    }
  };
  return {
    stat: async (path) => (await finish({ verb: 'stat', path })) as PathFacts,
    list: async (path) => (await finish({ verb: 'list', path })) as FileListing,
    read: (path) => only(converse({ verb: 'read', path })),
    readContent: (path) => only(converse({ verb: 'readContent', path })),
    write: async (path, source, options) => void (await finish({ verb: 'write', path, options }, source)),
    writeContent: async (path, source, options) => void (await finish({ verb: 'writeContent', path, options }, source)),
    makeDirectory: async (path, options) => void (await finish({ verb: 'makeDirectory', path, options })),
    remove: async (path, options) => void (await finish({ verb: 'remove', path, options })),
    applyKeys: async (options) => void (await finish({ verb: 'applyKeys', path: '/', options })),
    bindSocket: async (path, { uid, gid, mode }) => (await finish({ verb: 'bindSocket', path, options: { uid, gid, mode } })) as number,
    removeSocket: async (path) => void (await finish({ verb: 'removeSocket', path })),
    detectInit: async () => (await finish({ verb: 'detectInit', path: '/' })) as InitSystem | null,
    [Symbol.dispose]: () => busy.forEach(({ process }) => process.kill()),
  };
}

function startWorker(
  addon: Addon,
  root: ContainerRoot,
  { owner, processes: { all } }: { readonly owner: RootOwner; readonly processes: FileProcesses },
): Worker {
  if (all.size >= mostProcesses) throw tooMany(owner);
  const { ORLOP_ADDON: named } = process.env;
  const env = ['UV_THREADPOOL_SIZE=1', ...(named === undefined ? [] : [`ORLOP_ADDON=${named}`])];
  const [channel, theirs] = addon.socketPair();
  const started = startOrClose();
  all.add(started);
  void started.ended.then(() => {
    all.delete(started);
    addon.close(channel);
  });
  return { process: started, frames: decodeFrames(started.socket), channel };

  function startOrClose(): AsideProcess {
    try {
      const argv = ['orlop-files', findWorker()];
      return spawnAside(addon, { file: process.execPath, argv, env, descriptors: [root.descriptor, theirs] });
    } catch (error) {
      addon.close(channel);
      throw error;
    } finally {
      addon.close(theirs);
    }
  }
}

function takeDescriptor(addon: Addon, channel: number): number {
  const { descriptors } = addon.receiveDescriptors(channel, 1, 1, 0);
  const [descriptor] = descriptors;
  if (descriptor === undefined)
    throw new OrlopError('internal', 'ENGINE_FILES_NO_SOCKET', 'a process that works on files has sent no socket');
  return descriptor;
}

function takeIdle({ idle }: FileProcesses): Worker | undefined {
  const worker = idle.pop();
  worker?.process.socket.ref();
  return worker;
}

function keepIdle({ idle }: FileProcesses, worker: Worker): void {
  idle.push(worker);
  worker.process.socket.unref();
  const leave = (): void => {
    const at = idle.indexOf(worker);
    if (at < 0) return;
    idle.splice(at, 1);
    worker.process.kill();
  };
  setTimeout(leave, idleMs).unref();
  void worker.process.ended.then(leave);
}

async function* only(told: AsyncGenerator<Buffer, unknown>): AsyncGenerator<Buffer> {
  yield* told;
}

type Outcome = Extract<FileFrame, { type: 'done' | 'failed' }>;

/** What comes of a request: its data, and at last its outcome. */
async function* carryOn(worker: Worker, request: FileRequest, source?: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, Outcome> {
  const sent = send(worker.process, request, source);
  sent.catch(() => undefined);
  for (;;) {
    const frame = await nextInTime(worker, request);
    if (frame.type === 'data') yield frame.data;
    // A source that broke off is why.
    if (frame.type === 'done' || (frame.type === 'failed' && frame.error.code === 'ENGINE_FILES_CANCELLED')) await sent;
    if (frame.type === 'done' || frame.type === 'failed') return frame;
  }
}

async function send({ socket }: AsideProcess, request: FileRequest, source?: AsyncIterable<Uint8Array>): Promise<void> {
  const post = async (frame: FileFrame): Promise<void> => {
    const [head, payload] = encodeFrame(frame);
    socket.write(head ?? '');
    await new Promise<void>((resolve, reject) => socket.write(payload ?? '', (error) => (error == null ? resolve() : reject(error))));
  };
  await post({ type: 'request', request });
  if (source === undefined) return;
  try {
    for await (const data of source) await post({ type: 'data', data: Buffer.from(data.buffer, data.byteOffset, data.byteLength) });
  } catch (error) {
    socket.end();
    throw error;
  }
  await post({ type: 'end' });
}

/** The next word of a worker. */
async function nextInTime(worker: Worker, { path, owner }: FileRequest): Promise<FileFrame> {
  let strikes = 0;
  let cause: unknown;
  const watch = setInterval(() => {
    strikes += 1;
    if (strikes === 2) worker.process.kill();
  }, patienceMs / 2);
  try {
    const { done, value } = await worker.frames.next();
    if (done !== true) return value;
  } catch (error) {
    if (isOrlopError(error)) throw error;
    cause = error;
  } finally {
    clearInterval(watch);
  }
  if (strikes < 2)
    throw new OrlopError('unavailable', 'ENGINE_FILES_ENDED', `the process that works on the files of container ${owner.name} has ended`, {
      hint: 'the container has ended, or begins anew: try again',
      cause,
    });
  throw new OrlopError('deadline-exceeded', 'ENGINE_FILES_SILENT', `${path} in container ${owner.name} does not answer`, {
    hint: `it is in a file system that waits for its server; see: orlop exec ${owner.name} cat /proc/self/mountinfo`,
  });
}

function tooMany({ name }: RootOwner): OrlopError {
  return new OrlopError(
    'resource-exhausted',
    'ENGINE_FILES_BUSY',
    `${mostProcesses} processes work on the files of container ${name} already`,
    {
      hint: 'those that wait for a file system which does not answer end with it, or with the container',
    },
  );
}

function findWorker(): string {
  const places = ['distant-worker.ts', 'file-worker.mjs'].map((name) => join(import.meta.dirname, name));
  const found = places.find((place) => existsSync(place));
  if (found !== undefined) return found;
  throw new OrlopError('failed-precondition', 'ENGINE_FILE_WORKER_MISSING', `the program ${places[1]} is missing`, {
    hint: 'build it: npm run build',
  });
}
