import { OrlopError, type ErrorKind } from '#errors';

/** Body of every failed request. Docker's clients read `message`; ours read the rest, so that kind, code and hint survive the wire. */
export interface ErrorBody {
  readonly message: string;
  readonly kind?: ErrorKind;
  readonly code?: string;
  readonly detail?: string;
  readonly hint?: string;
}

const kinds: readonly ErrorKind[] = [
  'invalid-argument',
  'not-found',
  'already-exists',
  'conflict',
  'failed-precondition',
  'permission-denied',
  'unauthenticated',
  'resource-exhausted',
  'unavailable',
  'unimplemented',
  'cancelled',
  'deadline-exceeded',
  'data-loss',
  'internal',
];

const statusKinds: Readonly<Record<number, ErrorKind>> = {
  400: 'invalid-argument',
  401: 'unauthenticated',
  403: 'permission-denied',
  404: 'not-found',
  409: 'conflict',
  499: 'cancelled',
  501: 'unimplemented',
  503: 'unavailable',
  504: 'deadline-exceeded',
  507: 'resource-exhausted',
};

/** The error that a body stands for; a body that is not ours gives the kind of its status. */
export function parseErrorBody(status: number, text: string): OrlopError {
  const body = parseObject(text);
  const fallback = statusKinds[status] ?? (status >= 400 && status < 500 ? 'invalid-argument' : 'internal');
  const kind = kinds.find((candidate) => candidate === body['kind']) ?? fallback;
  const code = typeof body['code'] === 'string' ? body['code'] : `HTTP_${status}`;
  const detail = body['detail'] ?? body['message'];
  const message = typeof detail === 'string' && detail !== '' ? detail : `the engine answered with status ${status}`;
  return new OrlopError(kind, code, message, typeof body['hint'] === 'string' ? { hint: body['hint'] } : {});
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
