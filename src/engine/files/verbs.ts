import type { FileListing, PathFacts, PlaceOptions, WriteFilesOptions } from '#wire';
import { publishContainerEvent, type EngineContext } from '../context.ts';
import { holdRoot } from './hold.ts';
import type { RootVerbs } from './root-verbs.ts';

/** Files of containers, running or stopped: trees as Docker's archive calls give and take them, and one by one. Owners and paths are the container's. Missing: not-found. */
export interface FileVerbs {
  stat(ref: string, path: string): Promise<PathFacts>;
  /** A tar of what is there; of a directory with all below it. A start of a stopped container waits until it is read or left. */
  read(ref: string, path: string): AsyncGenerator<Buffer>;
  /** Unpacks a tar into a directory that exists. What was unpacked before a failure stays. */
  write(ref: string, path: string, source: AsyncIterable<Uint8Array>, options: WriteFilesOptions): Promise<void>;
  /** What a path is, and what is in it; a link at its end is not followed, unless `/` stands behind it. */
  list(ref: string, path: string): Promise<FileListing>;
  /** The bytes of a regular file; a link leads to it. */
  readContent(ref: string, path: string): AsyncGenerator<Buffer>;
  /** Puts a regular file in place when all of it has come; a link leads to the one that is replaced. */
  writeContent(ref: string, path: string, source: AsyncIterable<Uint8Array>, options: PlaceOptions): Promise<void>;
  /** One that is there stays. */
  makeDirectory(ref: string, path: string, options: PlaceOptions): Promise<void>;
  /** A file, a link itself, or with `recursive` a directory with all that is in it. */
  remove(ref: string, path: string, options: { readonly recursive: boolean }): Promise<void>;
}

export function createFileVerbs(context: EngineContext): FileVerbs {
  return {
    stat: (ref, path) => look(context, ref, path, (verbs) => verbs.stat(path)),
    list: (ref, path) => look(context, ref, path, (verbs) => verbs.list(path)),
    read: (ref, path) => fetch(context, ref, path, (verbs) => verbs.read(path)),
    readContent: (ref, path) => fetch(context, ref, path, (verbs) => verbs.readContent(path)),
    write: (ref, path, source, options) => change(context, ref, path, (verbs) => verbs.write(path, source, options)),
    writeContent: (ref, path, source, options) => change(context, ref, path, (verbs) => verbs.writeContent(path, source, options)),
    makeDirectory: (ref, path, options) => change(context, ref, path, (verbs) => verbs.makeDirectory(path, options)),
    remove: (ref, path, options) => change(context, ref, path, (verbs) => verbs.remove(path, options)),
  };
}

async function look<Told>(context: EngineContext, ref: string, path: string, work: (verbs: RootVerbs) => Promise<Told>): Promise<Told> {
  await using held = await holdRoot(context, context.table.find(ref), { ref, path });
  return await work(held.verbs);
}

async function* fetch(
  context: EngineContext,
  ref: string,
  path: string,
  work: (verbs: RootVerbs) => AsyncGenerator<Buffer>,
): AsyncGenerator<Buffer> {
  const container = context.table.find(ref);
  await using held = await holdRoot(context, container, { ref, path });
  yield* work(held.verbs);
  publishContainerEvent(context, container, 'archive-path');
}

async function change(context: EngineContext, ref: string, path: string, work: (verbs: RootVerbs) => Promise<void>): Promise<void> {
  const container = context.table.find(ref);
  await using held = await holdRoot(context, container, { ref, path });
  await work(held.verbs);
  publishContainerEvent(context, container, 'extract-to-dir');
}
