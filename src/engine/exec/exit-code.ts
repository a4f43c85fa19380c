import { isOrlopError } from '#errors';

/** Docker's codes for a process that could not be started: 127 not found, 126 found but not executable, 128 anything else. */
export function exitCodeOfFailure(error: unknown): number {
  if (!isOrlopError(error)) return 128;
  if (error.code === 'RUNTIME_COMMAND_NOT_FOUND') return 127;
  return error.code === 'RUNTIME_COMMAND_NOT_EXECUTABLE' ? 126 : 128;
}
