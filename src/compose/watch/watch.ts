import { watch } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stat } from 'node:fs/promises';

/** Changes that come so close together are one. */
const togetherMs = 200;

/** Paths that change below these, in batches; ends when the signal fires. A path that is not there is not-found (ENOENT). */
export async function* watchPaths(paths: readonly string[], signal: AbortSignal): AsyncGenerator<string[]> {
  const changed = new Set<string>();
  let wake: () => void = () => undefined;
  using watchers = new DisposableStack();
  for (const path of new Set(paths)) {
    const isDirectory = (await stat(path)).isDirectory();
    // A file is watched by its directory: editors replace files.
    const root = isDirectory ? path : dirname(path);
    const watcher = watch(root, { recursive: isDirectory, persistent: true }, (_event, name) => {
      if (name === null) return;
      const full = join(root, name);
      if (!isDirectory && full !== path) return;
      changed.add(full);
      wake();
    });
    watcher.on('error', () => wake());
    watchers.defer(() => watcher.close());
  }
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort);
  watchers.defer(() => signal.removeEventListener('abort', onAbort));
  while (!signal.aborted) {
    if (changed.size === 0) await new Promise<void>((resolve) => (wake = resolve));
    if (signal.aborted) return;
    await delay(togetherMs);
    const batch = [...changed];
    changed.clear();
    if (batch.length > 0) yield batch;
  }
}
