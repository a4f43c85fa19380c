import { isErrno, OrlopError } from '#errors';
import { resolveUser } from '#runtime';
import { AT_EMPTY_PATH, O_PATH, openInRoot } from '#sys';
import type { PathFacts, WriteFilesOptions } from '#wire';
import type { LiveContainer } from '../container/table.ts';
import { publishContainerEvent, type EngineContext } from '../context.ts';
import { createEntryVerbs, type EntryVerbs } from './entry-verbs.ts';
import { holdRoot, readOnly, refuseReadOnly } from './hold.ts';
import { packTree } from './pack.ts';
import { describePath, missing, openAsked, parseAskedPath } from './paths.ts';
import { isDirectory, isMissing, type ContainerRoot } from './root.ts';
import { unpackTree } from './unpack.ts';

/** Files of containers, running or stopped: trees as Docker's archive calls give and take them, and one by one. */
export interface FileVerbs extends EntryVerbs {
  /** Fails with not-found when the path does not exist. */
  stat(ref: string, path: string): Promise<PathFacts>;
  /** A tar of what is there; of a directory with all below it. A start of a stopped container waits until it is read or left. */
  read(ref: string, path: string): AsyncGenerator<Buffer>;
  /** Unpacks a tar into a directory that exists. What was unpacked before a failure stays. */
  write(ref: string, path: string, source: AsyncIterable<Uint8Array>, options: WriteFilesOptions): Promise<void>;
}

export function createFileVerbs(context: EngineContext): FileVerbs {
  return {
    ...createEntryVerbs(context),
    async stat(ref, path) {
      const container = context.table.find(ref);
      await using held = await holdRoot(context, container, path);
      return describePath(context.addon, held.root, parseAskedPath(path), ref);
    },
    async *read(ref, path) {
      const container = context.table.find(ref);
      await using held = await holdRoot(context, container, path);
      const asked = parseAskedPath(path);
      const descriptor = openAsked(context.addon, held.root, asked, ref);
      try {
        yield* packTree(context.addon, held.root, descriptor, asked.name);
      } finally {
        context.addon.close(descriptor);
      }
      publishContainerEvent(context, container, 'archive-path');
    },
    async write(ref, path, source, options) {
      const container = context.table.find(ref);
      await using held = await holdRoot(context, container, path);
      const target = parseAskedPath(path).path;
      checkTarget(context, container, held.root, { target, ref });
      // As with Docker: a container that names no user has none of its own.
      const own = options.ownUser && container.record.process.user !== '';
      const owner = own ? { owner: ownerOf(context, container, held.root) } : {};
      try {
        await unpackTree(context.addon, held.root, source, {
          container: container.record.name,
          target,
          keepKinds: options.keepKinds,
          ...owner,
        });
      } catch (error) {
        throw isErrno(error, 'EROFS') ? readOnly(container, error) : error;
      }
      publishContainerEvent(context, container, 'extract-to-dir');
    },
  };
}

function checkTarget(
  context: EngineContext,
  container: LiveContainer,
  root: ContainerRoot,
  { target, ref }: { target: string; ref: string },
): void {
  const { addon } = context;
  let descriptor: number;
  try {
    descriptor = openInRoot(addon, root.descriptor, target, O_PATH);
  } catch (error) {
    throw isMissing(error) ? missing(target, ref) : error;
  }
  try {
    const facts = addon.fstatat(descriptor, '', AT_EMPTY_PATH);
    refuseReadOnly(context, container, root, facts);
    if (isDirectory(facts)) return;
  } finally {
    addon.close(descriptor);
  }
  throw new OrlopError('invalid-argument', 'ENGINE_NOT_A_DIRECTORY', `extraction point is not a directory: ${target}`);
}

function ownerOf({ addon }: EngineContext, { record }: LiveContainer, root: ContainerRoot): { uid: number; gid: number } {
  const { uid, gid } = resolveUser(addon, root.descriptor, record.process.user, record.request.groupAdd);
  return { uid, gid };
}
