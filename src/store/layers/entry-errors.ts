import { isErrno, isOrlopError, OrlopError } from '#errors';
import { type ByteText, showByteText } from '../tar/byte-text.ts';

/** Does something for the entry with this path; whatever fails names it. */
export function naming<T>(path: ByteText, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw entryError(path, error);
  }
}

/** Errors of the disk stay as they are, what the archive is to blame for is invalid-argument `STORE_BAD_TAR`, all else `STORE_UNPACK_FAILED`. */
export function entryError(path: ByteText, error: unknown): unknown {
  if (isErrno(error, 'ENOSPC', 'EDQUOT', 'EFBIG', 'EIO', 'EROFS', 'EMFILE', 'ENFILE', 'ENOMEM')) return error;
  const what = `entry ${showByteText(path)}`;
  if (isErrno(error, 'ENAMETOOLONG', 'ELOOP', 'ENOTDIR', 'ENOENT', 'EISDIR', 'EINVAL', 'EEXIST', 'EXDEV', 'EMLINK')) {
    return new OrlopError('invalid-argument', 'STORE_BAD_TAR', `tar archive: ${what} cannot be made: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (isOrlopError(error) && !error.code.startsWith('ERRNO_')) return error;
  const kind = isOrlopError(error) ? error.kind : 'internal';
  return new OrlopError(kind, 'STORE_UNPACK_FAILED', `${what} cannot be made: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}
