/** What went wrong, as a closed set: each edge maps every kind to a status or an exit code. */
export type ErrorKind =
  | 'invalid-argument'
  | 'not-found'
  | 'already-exists'
  | 'conflict'
  | 'failed-precondition'
  | 'permission-denied'
  | 'unauthenticated'
  | 'resource-exhausted'
  | 'unavailable'
  | 'unimplemented'
  | 'cancelled'
  | 'deadline-exceeded'
  | 'data-loss'
  | 'internal';

export interface OrlopErrorOptions {
  /** What the reader can do about it: one imperative clause, no full stop. */
  readonly hint?: string;
  /** Facts for programs: small, JSON-safe, never secret. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/**
 * The one error class of the project. `message` names the object (lowercase, no full stop); `code` is stable,
 * in capitals, prefixed with the room that throws it (`STORE_BLOB_NOT_FOUND`).
 */
export class OrlopError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(kind: ErrorKind, code: string, message: string, options: OrlopErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'OrlopError';
    this.kind = kind;
    this.code = code;
    this.hint = options.hint;
    this.details = options.details;
  }
}

export function isOrlopError(value: unknown, kind?: ErrorKind): value is OrlopError {
  return value instanceof OrlopError && (kind === undefined || value.kind === kind);
}

/** Gives any thrown value the house's shape; a value that is not an OrlopError is a bug and becomes `internal`. */
export function toOrlopError(value: unknown): OrlopError {
  if (value instanceof OrlopError) return value;
  const message = value instanceof Error ? value.message : String(value);
  return new OrlopError('internal', 'INTERNAL', message, { cause: value });
}
