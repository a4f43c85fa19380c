import { watch, type FSWatcher } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isErrno } from '#errors';

/** Changes that come so close together are one. */
const togetherMs = 200;

/** Paths that change below these, in batches, once `onReady` has been called; ends when the signal fires. A path that is not there yet is waited for. */
export async function* watchPaths(paths: readonly string[], signal: AbortSignal, onReady?: () => Promise<void>): AsyncGenerator<string[]> {
  const changed = new Set<string>();
  let wake: () => void = () => undefined;
  using followers = new DisposableStack();
  const tell = (path: string): void => {
    changed.add(path);
    wake();
  };
  for (const path of new Set(paths)) followers.use(await followPath(path, tell));
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort);
  followers.defer(() => signal.removeEventListener('abort', onAbort));
  await onReady?.();
  while (!signal.aborted) {
    if (changed.size === 0) await new Promise<void>((resolve) => (wake = resolve));
    if (signal.aborted) return;
    await delay(togetherMs);
    const batch = [...changed];
    changed.clear();
    if (batch.length > 0) yield batch;
  }
}

/** Tells of changes at and below a path until disposed. While it is not there, the nearest directory above it is watched. */
async function followPath(path: string, tell: (path: string) => void): Promise<Disposable> {
  let watcher: FSWatcher | null = null;
  let isOver = false;
  const replace = (next: FSWatcher): void => {
    watcher?.close();
    watcher = next.on('error', () => tell(path));
    if (isOver) next.close();
  };
  const settle = async (isFirst: boolean): Promise<void> => {
    for (;;) {
      const near = await nearest(path);
      if (near === path) {
        replace(await watchThere(path, tell));
        // What is there when it appears was made just now.
        if (!isFirst) for (const found of await listBelow(path)) tell(found);
        return;
      }
      replace(watch(near, () => void settle(false).catch(() => tell(path))));
      // It may have come before the watch.
      if ((await nearest(path)) === near) return;
    }
  };
  await settle(true);
  return {
    [Symbol.dispose]: () => {
      isOver = true;
      watcher?.close();
    },
  };
}

async function watchThere(path: string, tell: (path: string) => void): Promise<FSWatcher> {
  const isDirectory = (await stat(path)).isDirectory();
  // A file is watched by its directory: editors replace files.
  const root = isDirectory ? path : dirname(path);
  return watch(root, { recursive: isDirectory, persistent: true }, (_event, name) => {
    if (name === null) return;
    const full = join(root, name);
    if (isDirectory || full === path) tell(full);
  });
}

/** The path itself, or the nearest above it that is there. */
async function nearest(path: string): Promise<string> {
  try {
    await stat(path);
    return path;
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR') || dirname(path) === path) throw error;
    return nearest(dirname(path));
  }
}

async function listBelow(path: string): Promise<string[]> {
  try {
    return (await readdir(path, { recursive: true })).map((name) => join(path, name));
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    return [path];
  }
}
