import { createHash, randomBytes } from 'node:crypto';
import { constants, mkdirSync, openSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { FileTree } from '#build';
import { OrlopError } from '#errors';
import { removeTree } from '#sys';
import type { EngineContext } from '../context.ts';

/** A build's own directory beside the store's unfinished things: opening the store empties that, so a killed build leaves nothing. */
export interface Scratch extends AsyncDisposable {
  readonly path: string;
  /** A new directory in it; `relative` is below the data root. */
  make(purpose: string): { readonly path: string; readonly relative: string };
  /** A new file in it, open for reading and writing as long as this is. */
  openFile(purpose: string): number;
  /** Closes a descriptor with the others. */
  adopt(descriptor: number): void;
}

export function openScratch(context: EngineContext): Scratch {
  const path = join(context.store.root, 'ingest', `build-${randomBytes(9).toString('hex')}`);
  mkdirSync(path, { mode: 0o700 });
  let made = 0;
  const files: number[] = [];
  return {
    path,
    make(purpose) {
      const directory = join(path, `${purpose}-${made++}`);
      mkdirSync(directory, { mode: 0o755 });
      return { path: directory, relative: relative(context.dataRoot, directory) };
    },
    openFile(purpose) {
      const file = openSync(join(path, `${purpose}-${made++}`), 'wx+', 0o600);
      files.push(file);
      return file;
    },
    adopt: (descriptor) => void files.push(descriptor),
    async [Symbol.asyncDispose]() {
      for (const file of files) context.addon.close(file);
      await removeTree(context.addon, path);
    },
  };
}

/** A directory as a tree; disposing closes it. */
export function openTree(context: EngineContext, path: string): FileTree & Disposable {
  const root = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  return { addon: context.addon, root, [Symbol.dispose]: () => context.addon.close(root) };
}

const tmpfsMagic = 0x0102_1994;

/** Where secrets of builds are, in memory: the engine's run directory where that is in memory, else /dev/shm. */
function secretsParent({ addon, execRoot }: EngineContext): string {
  const found = [execRoot, '/dev/shm'].find((path) => {
    try {
      return addon.statfs(path).type === tmpfsMagic;
    } catch {
      return false;
    }
  });
  if (found !== undefined) return found;
  throw new OrlopError(
    'failed-precondition',
    'BUILD_NO_SECRETS',
    'secrets are kept in memory only, and neither the run directory nor /dev/shm is',
    {
      hint: 'mount a tmpfs on /run',
    },
  );
}

function secretsPrefix({ dataRoot }: EngineContext): string {
  return `orlop-secrets-${createHash('sha256').update(dataRoot).digest('hex').slice(0, 12)}-`;
}

/** A directory in memory, for root only. */
export function openSecretsDirectory(context: EngineContext): AsyncDisposable & { readonly path: string } {
  const path = join(secretsParent(context), `${secretsPrefix(context)}${randomBytes(6).toString('hex')}`);
  mkdirSync(path, { mode: 0o700 });
  return { path, [Symbol.asyncDispose]: () => removeTree(context.addon, path) };
}

/** What builds of a killed engine have left in memory. */
export async function removeOldSecrets(context: EngineContext): Promise<void> {
  for (const parent of new Set([context.execRoot, '/dev/shm'])) {
    for (const name of namesIn(parent)) if (name.startsWith(secretsPrefix(context))) await removeTree(context.addon, join(parent, name));
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
