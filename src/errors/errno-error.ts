import { OrlopError, type ErrorKind } from './orlop-error.ts';

export interface ErrnoFacts {
  /** Symbolic name as in errno(3), `ENOENT`. */
  readonly errno: string;
  /** The system call that failed, as in syscalls(2), `move_mount`. */
  readonly syscall: string;
  /** The path the call was about, when it had one. */
  readonly path?: string;
}

const kinds: Readonly<Record<string, ErrorKind>> = {
  ENOENT: 'not-found',
  ESRCH: 'not-found',
  EEXIST: 'already-exists',
  EBUSY: 'conflict',
  ENOTEMPTY: 'conflict',
  EACCES: 'permission-denied',
  EPERM: 'permission-denied',
  EROFS: 'permission-denied',
  EINVAL: 'invalid-argument',
  ENAMETOOLONG: 'invalid-argument',
  ELOOP: 'invalid-argument',
  ENOSYS: 'unimplemented',
  EOPNOTSUPP: 'unimplemented',
  ENODEV: 'unimplemented',
  ENOSPC: 'resource-exhausted',
  EDQUOT: 'resource-exhausted',
  ENOMEM: 'resource-exhausted',
  EMFILE: 'resource-exhausted',
  ENFILE: 'resource-exhausted',
  ECONNREFUSED: 'unavailable',
  ECONNRESET: 'unavailable',
  EPIPE: 'unavailable',
  ETIMEDOUT: 'deadline-exceeded',
  EIO: 'data-loss',
};

export function kindOfErrno(errno: string): ErrorKind {
  return kinds[errno] ?? 'internal';
}

/** A system call that failed. Its code is `ERRNO_` and the name, its kind follows from the name. */
export class ErrnoError extends OrlopError {
  readonly errno: string;
  readonly syscall: string;
  readonly path: string | undefined;

  constructor(facts: ErrnoFacts, options: { hint?: string; cause?: unknown } = {}) {
    const where = facts.path === undefined ? '' : ` ${facts.path}`;
    super(kindOfErrno(facts.errno), `ERRNO_${facts.errno}`, `${facts.syscall}${where}: ${facts.errno}`, options);
    this.name = 'ErrnoError';
    this.errno = facts.errno;
    this.syscall = facts.syscall;
    this.path = facts.path;
  }
}

/** True for an error of ours or of Node's that carries this errno name. */
export function isErrno(value: unknown, ...names: readonly string[]): boolean {
  if (value instanceof ErrnoError) return names.includes(value.errno);
  const code = value instanceof Error ? (value as NodeJS.ErrnoException).code : undefined;
  return code !== undefined && names.includes(code);
}
