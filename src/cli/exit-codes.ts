import type { OrlopError } from '#errors';
import { refusedValueCode } from './arguments/usage-error.ts';

/** All exit codes of the command line. Codes of a container's process pass through unchanged; one killed by a signal gives 128 and its number. */
export const exitCodes = {
  ok: 0,
  /** The engine refused, or part of the work failed. */
  failure: 1,
  /** A `--format` that is no template, of what is not a list. */
  badTemplate: 64,
  /** Bad usage; or `run` could not bring its container to life; or the engine went away in the middle. */
  unusable: 125,
  /** The command exists in the image and cannot be executed. */
  notExecutable: 126,
  /** The command does not exist in the image. */
  notFound: 127,
  /** 128 and a signal's number. */
  signalBase: 128,
} as const;

/** The code of a `run` or `start` that failed before its process lived. */
export function exitCodeOfStart(error: OrlopError): number {
  if (error.code === 'RUNTIME_COMMAND_NOT_FOUND') return exitCodes.notFound;
  if (error.code === 'RUNTIME_COMMAND_NOT_EXECUTABLE') return exitCodes.notExecutable;
  if (error.code.startsWith('CLI_')) return exitCodes.unusable;
  // Docker's command line goes by the engine's words: a device that is not there gives the code of a command that is not.
  return /no such file or directory/.test(error.message) ? exitCodes.notFound : exitCodes.unusable;
}

/** The code of a `create` whose flags are wrong. */
export function exitCodeOfFlags(error: OrlopError): number {
  return error.code === refusedValueCode ? exitCodes.failure : exitCodes.unusable;
}

const unusableCodes = ['CLI_USAGE', 'CLIENT_ENGINE_GONE'];

/** The code of any other command that failed. */
export function exitCodeOf(error: OrlopError): number {
  if (error.code === 'CLI_BAD_TEMPLATE') return exitCodes.badTemplate;
  return unusableCodes.includes(error.code) ? exitCodes.unusable : exitCodes.failure;
}
