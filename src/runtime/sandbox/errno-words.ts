const words: Readonly<Record<string, string>> = {
  E2BIG: 'argument list too long',
  EACCES: 'permission denied',
  EBUSY: 'device or resource busy',
  ECANCELED: 'it failed',
  EEXIST: 'file exists',
  EINVAL: 'invalid argument',
  EISDIR: 'is a directory',
  ELOOP: 'too many levels of symbolic links',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'file name too long',
  ENODEV: 'no such device or file system',
  ENOENT: 'no such file or directory',
  ENOEXEC: 'exec format error',
  ENOMEM: 'cannot allocate memory',
  ENOSPC: 'no space left or limit reached',
  ENOSYS: 'function not implemented',
  ENOTDIR: 'not a directory',
  EOPNOTSUPP: 'operation not supported',
  EPERM: 'operation not permitted',
  ERANGE: 'numerical result out of range',
  EROFS: 'read-only file system',
  ETIMEDOUT: 'timed out',
  ETXTBSY: 'text file busy',
  EXDEV: 'not what it seems',
};

/** strerror(3)'s words for the errors that plans meet; the name itself for the rest. */
export function describeErrno(errno: string): string {
  return words[errno] ?? errno;
}
