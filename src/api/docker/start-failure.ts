import { isOrlopError, OrlopError } from '#errors';

/** Why a process could not be started, in the words by which Docker's clients choose exit code 127 or 126. */
const words: Readonly<Record<string, string>> = {
  RUNTIME_COMMAND_NOT_FOUND: 'executable file not found in $PATH',
  RUNTIME_COMMAND_NOT_EXECUTABLE: 'permission denied',
};

/** Ports of the host that cannot be had: Docker counts them among its own failures, too. */
const portFailures = new Set([
  'NETWORK_PORT_ALLOCATED',
  'NETWORK_PORT_IN_USE',
  'NETWORK_PORTS_EXHAUSTED',
  'NETWORK_PORT_ADDRESS_FOREIGN',
  'NETWORK_PORT_FAILED',
]);

function asPortFailure({ code, message, hint, cause }: OrlopError): OrlopError {
  const words = `failed to set up container networking: driver failed programming external connectivity on endpoint: ${message}`;
  return new OrlopError('internal', code, words, { cause, ...(hint === undefined ? {} : { hint }) });
}

/** True when the image, not the engine, is at fault: the command cannot be executed. */
export function isCommandFailure(error: unknown): error is OrlopError {
  return isOrlopError(error) && error.code in words;
}

/** True when what was asked for does not fit the container: its command, its user, its working directory. */
export function isProcessFailure(error: unknown): error is OrlopError {
  return isCommandFailure(error) || (isOrlopError(error, 'not-found') && error.code.startsWith('RUNTIME_'));
}

/** The same error as Docker's clients expect it: a bad argument whose text says which of the two it is. */
export function asStartFailure(error: unknown): unknown {
  // Docker counts it among its own failures, since the request to start is well formed.
  if (isOrlopError(error) && error.code === 'ENGINE_NAMESPACE_OF_STOPPED')
    return new OrlopError('internal', error.code, error.message, { cause: error });
  if (isOrlopError(error) && portFailures.has(error.code)) return asPortFailure(error);
  if (isOrlopError(error, 'not-found') && error.code === 'NETWORK_NOT_FOUND')
    return new OrlopError('not-found', error.code, `failed to set up container networking: ${error.message}`, { cause: error });
  if (!isProcessFailure(error)) return error;
  const known = words[error.code] ?? '';
  const message = error.message.includes(known) ? error.message : `${error.message}: ${known}`;
  return new OrlopError('invalid-argument', error.code, message, {
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}
