import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { isErrno, OrlopError } from '#errors';
import { write, type Io } from '../io.ts';

/** An archive to read: the file, or standard input for none or `-`. `howTo` tells people at a terminal what to do instead. */
export async function openArchive(io: Io, path: string | undefined, howTo: string): Promise<AsyncIterable<Uint8Array>> {
  if (path === undefined || path === '-') {
    if (io.stdin.isTTY) throw atTerminal('read', howTo);
    return io.stdin as AsyncIterable<Uint8Array>;
  }
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw unusable('read', path, cause);
  });
  return readPieces(file, path);
}

async function* readPieces(file: FileHandle, path: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of file.createReadStream({ highWaterMark: 512 * 1024 })) yield piece as Uint8Array;
  } catch (cause) {
    throw unusable('read', path, cause);
  }
}

/** Writes an archive to a file (which goes again when the archive does not come whole), or to standard output for none or `-`. */
export async function writeArchive(io: Io, path: string | undefined, archive: AsyncIterable<Uint8Array>, howTo: string): Promise<void> {
  if (path === undefined || path === '-') {
    if (io.stdout.isTTY) throw atTerminal('write', howTo);
    for await (const piece of archive) await write(io.stdout, piece);
    return;
  }
  await writeWhole(path, archive, 0o600);
}

/** Writes a file that is there only when all of it has come; a device or a pipe is written to as it is. Nothing is made or emptied before the first bytes are there. */
export async function writeWhole(path: string, content: AsyncIterable<Uint8Array>, mode: number): Promise<void> {
  const iterator = content[Symbol.asyncIterator]();
  const first = await iterator.next();
  const replaces = await stat(path).then(
    (facts) => facts.isFile(),
    () => true,
  );
  const target = replaces ? `${path}.${process.pid}.part` : path;
  const file = await open(target, replaces ? 'wx' : 'w', mode).catch((cause: unknown) => {
    throw unusable('write', path, cause);
  });
  try {
    for (let next = first; next.done !== true; next = await iterator.next()) await file.writeFile(next.value);
    await file.close();
    if (replaces) await rename(target, path);
  } catch (cause) {
    await file.close().catch(() => undefined);
    if (replaces) await rm(target, { force: true });
    await iterator.return?.();
    throw isErrno(cause, 'ENOSPC', 'EDQUOT', 'EIO', 'EISDIR', 'EFBIG') ? unusable('write', path, cause) : cause;
  }
}

function atTerminal(verb: 'read' | 'write', howTo: string): OrlopError {
  return new OrlopError(
    'failed-precondition',
    'CLI_USAGE',
    `refusing to ${verb} an archive ${verb === 'read' ? 'from' : 'to'} a terminal`,
    {
      hint: howTo,
    },
  );
}

function unusable(verb: 'read' | 'write', path: string, cause: unknown): OrlopError {
  const missing = isErrno(cause, 'ENOENT');
  const why = missing
    ? 'no such file or directory'
    : isErrno(cause, 'EISDIR')
      ? 'it is a directory'
      : String((cause as NodeJS.ErrnoException).code);
  const isLayout = verb === 'read' && isErrno(cause, 'EISDIR');
  return new OrlopError(missing ? 'not-found' : 'failed-precondition', 'CLI_UNUSABLE_FILE', `cannot ${verb} ${path}: ${why}`, {
    cause,
    ...(isLayout ? { hint: `an OCI layout goes in as a tar: tar -C ${path} -c . | orlop load` } : {}),
  });
}
