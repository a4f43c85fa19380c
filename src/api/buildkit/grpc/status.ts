import { type ErrorKind, OrlopError, toOrlopError } from '#errors';
import { bytes, integer, many, message, nested, one, text } from '../protobuf/message.ts';

/** Codes of gRPC (grpc/grpc, doc/statuscodes.md) for our kinds of error. */
const codes: Readonly<Record<ErrorKind, number>> = {
  cancelled: 1,
  'invalid-argument': 3,
  'deadline-exceeded': 4,
  'not-found': 5,
  'already-exists': 6,
  'permission-denied': 7,
  'resource-exhausted': 8,
  'failed-precondition': 9,
  conflict: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  'data-loss': 15,
  unauthenticated: 16,
};
/** What goes wrong in a build has no code of its own in BuildKit, whose clients show any other beside the words. */
const unknown = 2;

const anyType = message({ typeUrl: one(1, text), value: one(2, bytes) });
/** google.rpc.Status */
export const statusType = message({ code: one(1, integer), message: one(2, text), details: many(3, nested(anyType)) });

/** What BuildKit's clients look for in the details of an error. */
export interface SourcePlace {
  readonly name: string;
  readonly text: string;
  readonly first: number;
  readonly last: number;
}

/** A status as an error of ours; its details go along, for an answer that only passes it on. */
export function errorOfStatus(code: number, words: string, details?: Uint8Array): OrlopError {
  const kind = (Object.keys(codes) as ErrorKind[]).find((one) => codes[one] === code) ?? 'internal';
  const given = details === undefined ? {} : { details: { status: Buffer.from(details).toString('base64') } };
  return new OrlopError(kind, 'BUILDKIT_CLIENT_FAILED', words === '' ? `the client failed with gRPC's code ${code}` : words, given);
}

/** The trailers that end an answer. The place in the Dockerfile goes as BuildKit's clients know it, `errdefs.Source`, so that they show the lines. */
export function trailersOf(thrown: unknown, place?: SourcePlace): Record<string, string> {
  const status = statusOf(thrown, place);
  const decoded = statusType.decode(status);
  return {
    'grpc-status': String(decoded.code === 0 ? unknown : decoded.code),
    'grpc-message': encodeURIComponent(decoded.message).slice(0, 8192),
    ...(decoded.details.length === 0 || status.length > 64 * 1024
      ? {}
      : { 'grpc-status-details-bin': Buffer.from(status).toString('base64') }),
  };
}

function statusOf(thrown: unknown, place: SourcePlace | undefined): Uint8Array {
  const { kind, code, message: words, hint, details = {} } = toOrlopError(thrown);
  if (typeof details['status'] === 'string') return Buffer.from(details['status'], 'base64');
  return statusType.encode({
    code: code.startsWith('BUILD_') && kind !== 'cancelled' ? unknown : codes[kind],
    message: hint === undefined ? words : `${words}: ${hint}`,
    details: place === undefined ? [] : [sourceDetail(place)],
  });
}

/** BuildKit's details are JSON inside protobuf's Any (its solver/errdefs). */
function sourceDetail({ name, text: content, first, last }: SourcePlace): { typeUrl: string; value: Uint8Array } {
  const info = { filename: name, data: Buffer.from(content).toString('base64'), language: 'Dockerfile' };
  const ranges = Array.from({ length: last - first + 1 }, (_, index) => ({ start: { line: first + index }, end: { line: first + index } }));
  return { typeUrl: 'github.com/moby/buildkit/errdefs.Source+json', value: Buffer.from(JSON.stringify({ info, ranges })) };
}
