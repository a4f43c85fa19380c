import {
  type FileTree,
  isDirectory,
  type NewLayer,
  openOrMakeDirectory,
  type Owner,
  readTree,
  type Root,
  type WorkdirStep,
  type Work,
} from '#build';
import { isOrlopError, OrlopError } from '#errors';
import { resolveUser } from '#runtime';
import { toByteText } from '#store';
import { createContainerId } from '../container/names.ts';
import { mountUnmapped } from '../container/root-mount.ts';
import { openRoot } from './contexts.ts';
import type { BuildRun } from './executor.ts';
import { takeLayer } from './take-layer.ts';

export const root: Owner = { uid: 0, gid: 0 };

/** WORKDIR, which belongs to the image's user where there is one of that name, as BuildKit has it, and to root with Docker's first builder; null: the directory is there. */
export function makeWorkingDirectory(build: BuildRun, { path, config }: WorkdirStep, work: Work): Promise<NewLayer | null> {
  return onSnapshot(build, work, async (to) => {
    const user = build.request.sequential === true ? '' : (config.config?.User ?? '');
    const owner = user === '' ? root : (findOwner(build, to, user) ?? root);
    to.addon.close(openOrMakeDirectory(to, path, { owner }).descriptor);
  });
}

/** null: nobody is called so. */
function findOwner(build: BuildRun, to: FileTree, text: string): Owner | null {
  try {
    return ownerOf(build, to, text);
  } catch (error) {
    if (isOrlopError(error, 'not-found')) return null;
    throw error;
  }
}

/** In the words of Docker's first builder. */
export async function checkVolumes(build: BuildRun, paths: readonly string[], on: Root): Promise<void> {
  const found = await lookFor(build, paths, on);
  for (const [path, isThere] of found) {
    if (isThere !== 'no directory') continue;
    const message = `cannot mount volume over existing file, file exists ${path}`;
    throw new OrlopError('failed-precondition', 'BUILD_FILE_THERE', message, {
      hint: 'name a directory, or a path that is not there yet',
    });
  }
}

/** Those of the paths where a root has a directory. */
export async function directoriesOf(build: BuildRun, paths: readonly string[], on: Root): Promise<ReadonlySet<string>> {
  const found = await lookFor(build, paths, on);
  return new Set(paths.filter((path) => found.get(path) === 'directory'));
}

/** What a root has at these paths; what is not there is not in the answer. */
async function lookFor({ context }: BuildRun, paths: readonly string[], on: Root): Promise<Map<string, 'directory' | 'no directory'>> {
  const answer = new Map<string, 'directory' | 'no directory'>();
  if (on.chain === null) return answer;
  const descriptor = await openRoot(context, on);
  try {
    const tree = readTree({ addon: context.addon, root: descriptor });
    for (const path of paths) {
      using found = tree.find(toByteText(path));
      if (found !== null) answer.set(path, isDirectory(found.facts) ? 'directory' : 'no directory');
    }
  } finally {
    context.addon.close(descriptor);
  }
  return answer;
}

/** Lets something be done with a writable root, and takes what it changed as a layer. */
export async function onSnapshot(
  { context, lease, latestNs }: BuildRun,
  work: Work,
  change: (to: FileTree) => Promise<void>,
): Promise<NewLayer | null> {
  const { snapshots } = context.store;
  const id = createContainerId();
  const { chain } = work.root;
  const snapshot = await snapshots.prepare(id, chain);
  try {
    const descriptor = await mountUnmapped(context, snapshot, { volatile: true });
    try {
      await change({ addon: context.addon, root: descriptor });
    } finally {
      await context.addon.closeAside(descriptor);
    }
    return await takeLayer(context, lease, { id, chain }, { ...(latestNs === undefined ? {} : { latestNs }), signal: work.context.signal });
  } finally {
    await snapshots.remove(id);
  }
}

/** Of a name or number of the root's users. Not-found when nobody is called so. */
export function ownerOf({ context }: BuildRun, to: FileTree, text: string): Owner {
  // As BuildKit: a user alone by its number is a group of the same number.
  const { uid, gid } = resolveUser(context.addon, to.root, /^\d+$/.test(text) ? `${text}:${text}` : text);
  return { uid, gid };
}
