import { isOrlopError, OrlopError, type ErrorKind } from '#errors';

/** The codes of distribution-spec "Error codes", with two of their usual companions. */
export type RegistryCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'SIZE_INVALID'
  | 'TAG_INVALID'
  | 'PAGINATION_NUMBER_INVALID'
  | 'UNAUTHORIZED'
  | 'DENIED'
  | 'UNSUPPORTED'
  | 'TOOMANYREQUESTS'
  | 'UNAVAILABLE'
  | 'UNKNOWN';

const usual: Readonly<Record<RegistryCode, readonly [number, ErrorKind]>> = {
  BLOB_UNKNOWN: [404, 'not-found'],
  BLOB_UPLOAD_INVALID: [400, 'invalid-argument'],
  BLOB_UPLOAD_UNKNOWN: [404, 'not-found'],
  DIGEST_INVALID: [400, 'invalid-argument'],
  MANIFEST_BLOB_UNKNOWN: [404, 'not-found'],
  MANIFEST_INVALID: [400, 'invalid-argument'],
  MANIFEST_UNKNOWN: [404, 'not-found'],
  NAME_INVALID: [400, 'invalid-argument'],
  NAME_UNKNOWN: [404, 'not-found'],
  SIZE_INVALID: [400, 'invalid-argument'],
  TAG_INVALID: [400, 'invalid-argument'],
  PAGINATION_NUMBER_INVALID: [400, 'invalid-argument'],
  UNAUTHORIZED: [401, 'unauthenticated'],
  DENIED: [403, 'permission-denied'],
  UNSUPPORTED: [405, 'unimplemented'],
  TOOMANYREQUESTS: [429, 'resource-exhausted'],
  UNAVAILABLE: [503, 'unavailable'],
  UNKNOWN: [500, 'internal'],
};

export interface Refusal {
  readonly hint?: string;
  /** When it is not the code's usual one. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the spec calls `detail`. */
  readonly detail?: unknown;
  readonly cause?: unknown;
}

/** An error that the client is told with this code. */
export function refuse(code: RegistryCode, message: string, refusal: Refusal = {}): OrlopError {
  const [, kind] = usual[code];
  const { hint, cause, ...details } = refusal;
  return new OrlopError(kind, `DISTRIBUTION_${code}`, message, { ...(hint === undefined ? {} : { hint }), details, cause });
}

export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The one mapper of this edge: whatever was thrown becomes a status and the spec's JSON. Of an error that is no refusal the client learns nothing. */
export function formatErrorAnswer(thrown: unknown): ErrorAnswer {
  const code = isOrlopError(thrown) && thrown.code.startsWith('DISTRIBUTION_') ? thrown.code.slice('DISTRIBUTION_'.length) : '';
  if (!isOrlopError(thrown) || !Object.hasOwn(usual, code)) return outsideAnswer(thrown);
  const { status, headers, detail } = (thrown.details ?? {}) as Refusal;
  const message = thrown.hint === undefined ? thrown.message : `${thrown.message}: ${thrown.hint}`;
  return { status: status ?? usual[code as RegistryCode][0], headers: headers ?? {}, body: formatErrors(code, message, detail) };
}

const noSpace: readonly string[] = ['ENOSPC', 'EDQUOT', 'EFBIG'];

function outsideAnswer(thrown: unknown): ErrorAnswer {
  const errno = (thrown as { code?: unknown } | null)?.code;
  if (typeof errno === 'string' && noSpace.includes(errno))
    return { status: 507, headers: {}, body: formatErrors('UNKNOWN', 'the registry has no space left') };
  return { status: 500, headers: {}, body: formatErrors('UNKNOWN', 'the registry failed; its log tells more') };
}

function formatErrors(code: string, message: string, detail?: unknown): string {
  return `${JSON.stringify({ errors: [{ code, message, ...(detail === undefined ? {} : { detail }) }] })}\n`;
}
