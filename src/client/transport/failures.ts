import { OrlopError } from '#errors';

/** Why no connection came about, in a sentence of its own for each thing that the reader can do. */
export function connectFailure(host: string, cause: NodeJS.ErrnoException): OrlopError {
  if (cause.code === 'EACCES' || cause.code === 'EPERM') {
    return new OrlopError('permission-denied', 'CLIENT_NO_PERMISSION', `no permission to use the engine at ${host}`, {
      hint: 'run as root, or as a member of the group orlop',
      cause,
    });
  }
  return new OrlopError('unavailable', 'CLIENT_UNREACHABLE', `cannot reach the engine at ${host}`, {
    hint: 'is orlopd running? Start it with: orlopd',
    cause,
  });
}

/** The connection broke while an answer was due. */
export function engineGone(host: string, cause?: unknown): OrlopError {
  return new OrlopError('unavailable', 'CLIENT_ENGINE_GONE', `the engine at ${host} went away in the middle of an answer`, {
    hint: 'containers keep running; see them with orlop ps once the engine is back',
    cause,
  });
}

export function cancelled(): OrlopError {
  return new OrlopError('cancelled', 'CLIENT_CANCELLED', 'the request was given up');
}

export function badAnswer(host: string, what: string): OrlopError {
  return new OrlopError('internal', 'CLIENT_BAD_ANSWER', `what listens at ${host} sent ${what}`, { hint: 'is it an Orlop engine?' });
}
