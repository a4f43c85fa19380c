import { ErrnoError, OrlopError, toOrlopError, type ErrorKind } from '#errors';
import { toErrnoError } from './errno.ts';

/** An error as data: classes do not survive the way between threads and processes. */
export interface PlainError {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly errno?: { readonly errno: string; readonly syscall: string; readonly path?: string };
}

export function toPlainError(value: unknown): PlainError {
  const error = toOrlopError(toErrnoError(value));
  const { kind, code, message, hint } = error;
  const plain = { kind, code, message, ...(hint === undefined ? {} : { hint }) };
  if (!(error instanceof ErrnoError)) return plain;
  const { errno, syscall, path } = error;
  return { ...plain, errno: { errno, syscall, ...(path === undefined ? {} : { path }) } };
}

export function fromPlainError(plain: PlainError): OrlopError {
  if (plain.errno !== undefined) return new ErrnoError(plain.errno);
  return new OrlopError(plain.kind, plain.code, plain.message, plain.hint === undefined ? {} : { hint: plain.hint });
}
