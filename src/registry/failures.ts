import { type ErrorKind, OrlopError } from '#errors';

/** What a message says of the call: the registry that was asked, and what about. */
export interface Subject {
  readonly host: string;
  /** `docker.io/library/debian:trixie`, `blob sha256:… of …` */
  readonly object: string;
}

const kinds: Readonly<Record<number, ErrorKind>> = {
  400: 'invalid-argument',
  401: 'unauthenticated',
  403: 'permission-denied',
  404: 'not-found',
  405: 'unimplemented',
  409: 'conflict',
  413: 'resource-exhausted',
  416: 'invalid-argument',
  429: 'resource-exhausted',
  501: 'unimplemented',
};

/**
 * The error that an answer stands for. `body` is the beginning of its text: the distribution-spec's `errors`, or anything. `retryAfterMs` is how long it asks
 * to wait, 0 for nothing.
 */
export function statusFailure(subject: Subject, status: number, body: string, retryAfterMs = 0): OrlopError {
  const kind = kinds[status] ?? (status >= 500 ? 'unavailable' : 'internal');
  const said = errorText(body);
  const text = said === '' && status === 429 ? 'too many requests' : said;
  const message = `registry ${subject.host}: ${subject.object}: ${words(status)}${text === '' ? '' : `: ${text}`}`;
  const hint = hintFor(subject, status, retryAfterMs);
  return new OrlopError(kind, `REGISTRY_HTTP_${status}`, message, { details: { status }, ...(hint === undefined ? {} : { hint }) });
}

function hintFor({ host }: Subject, status: number, retryAfterMs: number): string | undefined {
  if (status === 401 || status === 403) return `it may not exist, or need: orlop login ${host}`;
  if (status !== 429) return undefined;
  const when = retryAfterMs === 0 ? 'later' : `in ${Math.ceil(retryAfterMs / 1000)} seconds`;
  return `try again ${when}; who is logged in may have more: orlop login ${host}`;
}

export function registryFailure(kind: ErrorKind, code: string, subject: Subject, what: string, cause?: unknown): OrlopError {
  return new OrlopError(kind, code, `registry ${subject.host}: ${subject.object}: ${what}`, cause === undefined ? {} : { cause });
}

const statusWords: Readonly<Record<number, string>> = {
  401: 'access denied',
  403: 'access denied',
  404: 'not found',
  // Docker's word, which clients look for.
  429: 'toomanyrequests',
};

const words = (status: number): string => statusWords[status] ?? `it answered with status ${status}`;

/** Text of a stranger: one line, printable, short. */
function errorText(body: string): string {
  try {
    const { errors, details, message } = JSON.parse(body) as Record<string, unknown>;
    const list = Array.isArray(errors) ? (errors as unknown[]) : [];
    const texts = list.slice(0, 3).map((entry) => {
      const { message: text, code } = (entry ?? {}) as Record<string, unknown>;
      return typeof text === 'string' && text !== '' ? text : typeof code === 'string' ? code : '';
    });
    const single = [message, details].find((text) => typeof text === 'string');
    return printable(texts.filter((text) => text !== '').join('; ') || (typeof single === 'string' ? single : ''));
  } catch {
    return '';
  }
}

export function printable(text: string): string {
  const line = text.replaceAll(/[^\x21-\x7e\u00a1-\uffff]+/g, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}
