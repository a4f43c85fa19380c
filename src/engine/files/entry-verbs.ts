import { isErrno } from '#errors';
import { AT_EMPTY_PATH, removeTree } from '#sys';
import type { FileListing, PlaceOptions } from '#wire';
import type { LiveContainer } from '../container/table.ts';
import { publishContainerEvent, type EngineContext } from '../context.ts';
import { makeDirectory, readContent, writeContent } from './content.ts';
import { holdRoot, readOnly, refuseReadOnly } from './hold.ts';
import { listPath } from './list.ts';
import { missing, parseAskedPath } from './paths.ts';
import { isADirectory, isMounted, openPlace, refuseMounted } from './place.ts';
import { isDirectory, type ContainerRoot } from './root.ts';

/** Files of containers one by one, running or stopped. Owners and paths are the container's. Missing: not-found. */
export interface EntryVerbs {
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

export function createEntryVerbs(context: EngineContext): EntryVerbs {
  const { addon } = context;
  return {
    async list(ref, path) {
      const container = context.table.find(ref);
      await using held = await holdRoot(context, container, path);
      return listPath(addon, held.root, parseAskedPath(path), container.record.name);
    },
    async *readContent(ref, path) {
      const container = context.table.find(ref);
      await using held = await holdRoot(context, container, path);
      yield* readContent(addon, held.root, { path: parseAskedPath(path).path, container: container.record.name });
      publishContainerEvent(context, container, 'archive-path');
    },
    writeContent: (ref, path, source, options) =>
      change(context, ref, path, (root, container) => {
        const named = { path: parseAskedPath(path).path, container: container.record.name };
        return writeContent(addon, root, source, { ...named, options, check: checkOf(context, container, root) });
      }),
    makeDirectory: (ref, path, options) =>
      change(context, ref, path, async (root, container) => {
        const named = { path: parseAskedPath(path).path, container: container.record.name };
        const check = checkOf(context, container, root);
        addon.withFsIds(root.first, root.first, () => makeDirectory(addon, root, { ...named, options, check }));
      }),
    remove: (ref, path, options) =>
      change(context, ref, path, (root, container) => removePath(context, container, root, { path, ...options })),
  };
}

/** Says no to a directory that is not to be written to. */
function checkOf(context: EngineContext, container: LiveContainer, root: ContainerRoot): (directory: number) => void {
  return (directory) => refuseReadOnly(context, container, root, context.addon.fstatat(directory, '', AT_EMPTY_PATH));
}

async function change(
  context: EngineContext,
  ref: string,
  path: string,
  work: (root: ContainerRoot, container: LiveContainer) => Promise<void>,
): Promise<void> {
  const container = context.table.find(ref);
  await using held = await holdRoot(context, container, path);
  try {
    await work(held.root, container);
  } catch (error) {
    throw isErrno(error, 'EROFS') ? readOnly(container, error) : error;
  }
  publishContainerEvent(context, container, 'extract-to-dir');
}

async function removePath(
  context: EngineContext,
  container: LiveContainer,
  root: ContainerRoot,
  { path: asked, recursive }: { readonly path: string; readonly recursive: boolean },
): Promise<void> {
  const { addon } = context;
  const { path } = parseAskedPath(asked);
  const { name } = container.record;
  using place = addon.withFsIds(root.first, root.first, () => openPlace(addon, root, path, name, { follow: false }));
  if (place.facts === null) throw missing(path, name);
  checkOf(context, container, root)(place.parent);
  if (isDirectory(place.facts) && !recursive) throw isADirectory(path, name);
  refuseMounted(addon, place, path, name);
  try {
    await removeTree(addon, `/proc/self/fd/${place.parent}/${place.name}`);
  } catch (error) {
    throw isErrno(error, 'EBUSY', 'EXDEV') ? isMounted(path, name, error) : error;
  }
}
