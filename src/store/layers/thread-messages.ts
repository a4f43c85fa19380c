import { ErrnoError, OrlopError, toOrlopError, type ErrorKind } from '#errors';
import { toErrnoError } from '#sys';
import type { UnpackJob, UnpackResult } from './unpack-job.ts';

/** To the worker. Chunks are sent only when asked for, so that at most a few wait. */
export type ToWorker =
  | { readonly type: 'job'; readonly job: UnpackJob; readonly file: string | null; readonly cancelled: SharedArrayBuffer }
  | { readonly type: 'chunk'; readonly chunk: Uint8Array }
  | { readonly type: 'end' }
  | { readonly type: 'broken' };

/** From the worker. */
export type FromWorker =
  | { readonly type: 'want' }
  | { readonly type: 'read'; readonly bytes: number }
  | { readonly type: 'done'; readonly result: UnpackResult }
  | { readonly type: 'failed'; readonly error: PlainError };

/** An error as data: classes do not survive the way between threads. */
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
