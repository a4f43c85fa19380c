import type { ErrorKind, OrlopError } from '#errors';

/** The one place that says which HTTP status stands for which kind of error. */
const statuses: Readonly<Record<ErrorKind, number>> = {
  'invalid-argument': 400,
  unauthenticated: 401,
  'permission-denied': 403,
  'not-found': 404,
  'already-exists': 409,
  conflict: 409,
  'failed-precondition': 409,
  cancelled: 499,
  internal: 500,
  'data-loss': 500,
  unimplemented: 501,
  unavailable: 503,
  'deadline-exceeded': 504,
  'resource-exhausted': 507,
};

/** Errors for which Docker has words of its own: its clients compare them whole, so that a hint stands beside them and not among them. */
const plainKinds: ReadonlySet<ErrorKind> = new Set([
  'invalid-argument',
  'not-found',
  'already-exists',
  'conflict',
  'failed-precondition',
  'permission-denied',
]);

export interface ErrorAnswer {
  readonly status: number;
  /** For kinds that Docker does not know, `message` shows the hint as a second sentence, for clients that show nothing else; ours read the other fields. */
  readonly body: {
    readonly message: string;
    readonly kind: ErrorKind;
    readonly code: string;
    readonly detail?: string;
    readonly hint?: string;
  };
}

export function formatErrorAnswer(error: OrlopError): ErrorAnswer {
  const status = statuses[error.kind];
  const { kind, code, hint, message } = error;
  if (hint === undefined) return { status, body: { message, kind, code } };
  if (plainKinds.has(kind)) return { status, body: { message, kind, code, detail: message, hint } };
  const sentence = `${hint.charAt(0).toUpperCase()}${hint.slice(1)}`;
  return { status, body: { message: `${message.replace(/\.$/, '')}. ${sentence}`, kind, code, detail: message, hint } };
}
