export { OrlopError, isOrlopError, toOrlopError, type ErrorKind, type OrlopErrorOptions } from './orlop-error.ts';
export { ErrnoError, isErrno, kindOfErrno, type ErrnoFacts } from './errno-error.ts';
