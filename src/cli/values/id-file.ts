import { open, rm } from 'node:fs/promises';
import { isErrno, OrlopError } from '#errors';

/** A file for a container's id, made before the container is: whoever finds one there knows that somebody else's runs. */
export interface IdFile extends AsyncDisposable {
  write(id: string): Promise<void>;
}

/** `--cidfile`. Disposing takes the file away again unless an id was written. failed-precondition in Docker's words when there is one. */
export async function openIdFile(path: string | undefined): Promise<IdFile | null> {
  if (path === undefined || path === '') return null;
  const file = await create(path);
  let written = false;
  return {
    async write(id) {
      await file.writeFile(id);
      written = true;
    },
    async [Symbol.asyncDispose]() {
      await file.close();
      if (!written) await rm(path, { force: true });
    },
  };
}

async function create(path: string) {
  try {
    return await open(path, 'wx', 0o666);
  } catch (cause) {
    const taken = isErrno(cause, 'EEXIST');
    const message = taken
      ? `container ID file found, make sure the other container isn't running or delete ${path}`
      : `failed to create the container ID file ${path}: ${String((cause as NodeJS.ErrnoException).code)}`;
    throw new OrlopError('failed-precondition', 'CLI_ID_FILE', message, { cause });
  }
}
