import { OrlopError } from '#errors';
import type { CreateRequest, ImageView } from '../model.ts';
import type { EffectiveProcess } from './record.ts';

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Merges what the image says with what the request asks, by Docker's rules: an entrypoint in the request clears the image's command (an
 * empty list does not); the environment is merged by name; absent fields take the image's value.
 */
export function resolveProcess(image: ImageView, request: CreateRequest): EffectiveProcess {
  const asked = request.entrypoint ?? null;
  const entrypoint = asked === null ? image.config.entrypoint : asked.filter((word, index) => index > 0 || word !== '' || asked.length > 1);
  const command = request.command ?? null;
  const inherited = asked === null || asked.length === 0 ? image.config.command : [];
  const effective = command !== null && command.length > 0 ? command : inherited;
  if (entrypoint.length + effective.length === 0) {
    throw new OrlopError('invalid-argument', 'ENGINE_NO_COMMAND', 'no command specified', {
      hint: `the image ${request.image} names none: give one after it`,
    });
  }
  return {
    entrypoint,
    command: effective,
    env: configuredEnvironment(image.config.env, request.env ?? []),
    workingDirectory: absoluteDirectory(request.workingDirectory ?? image.config.workingDirectory),
    user: request.user ?? image.config.user,
    stopSignal: request.stopSignal ?? image.config.stopSignal,
  };
}

function absoluteDirectory(path: string): string {
  if (path === '' || path.startsWith('/')) return path;
  throw new OrlopError(
    'invalid-argument',
    'ENGINE_WORKDIR_RELATIVE',
    `the working directory '${path}' is invalid, it needs to be an absolute path`,
    {
      hint: `did you mean /${path}`,
    },
  );
}

/** The environment as Docker keeps and shows it: what is asked for as it was written, then of the image what nobody names. */
export function configuredEnvironment(image: readonly string[], asked: readonly string[]): string[] {
  for (const entry of asked) checkVariable(entry);
  const named = new Set(asked.map(variableName));
  return [...asked, ...image.filter((entry) => !named.has(variableName(entry)))];
}

/** The environment of a process. Later entries win and keep the first one's place; a bare name takes the variable away; PATH always has a value. */
export function mergeEnvironment(base: readonly string[], changes: readonly string[]): string[] {
  const byName = new Map<string, string>([['PATH', defaultPath]]);
  for (const entry of [...base, ...changes]) {
    checkVariable(entry);
    if (entry.includes('=')) byName.set(variableName(entry), entry);
    else byName.delete(entry);
  }
  return [...byName.values()];
}

function variableName(entry: string): string {
  const at = entry.indexOf('=');
  return at < 0 ? entry : entry.slice(0, at);
}

function checkVariable(entry: string): void {
  if (entry !== '' && !entry.startsWith('=')) return;
  throw new OrlopError('invalid-argument', 'ENGINE_ENV_INVALID', `invalid environment variable: ${entry}`, { hint: 'write NAME=value' });
}
