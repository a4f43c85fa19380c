import { closeSync, constants, openSync } from 'node:fs';
import { OrlopError } from '#errors';
import type { LinuxCapabilities, Process } from '#oci';
import { allCapabilities } from '../capabilities.ts';
import { findHome } from '../users.ts';
import type { RuntimeContext } from './context.ts';

export interface ProcessPlace {
  /** The container's root as a host path. */
  readonly root: string;
  /** What a sentence begins with. */
  readonly prefix: string;
  /** How many descriptors of socket activation it gets (sd_listen_fds(3)). */
  readonly listening: number;
}

/**
 * A process as runc would run it: each environment variable once, with its last value; HOME from the container's own /etc/passwd where it is missing or empty;
 * without capabilities that this kernel does not know or would not give, which are told. Fails with invalid-argument `RUNTIME_ENVIRONMENT`, not-found `RUNTIME_COMMAND_NOT_FOUND`.
 */
export function completeProcess(context: RuntimeContext, process: Process, place: ProcessPlace): Process {
  const listening = place.listening === 0 ? [] : [`LISTEN_FDS=${place.listening}`, 'LISTEN_PID=1'];
  const env = lastOfEach([...(process.env ?? []), ...listening], place.prefix);
  refuseSearchNowhere(process, env);
  const set = env.filter((entry) => entry !== 'HOME=');
  const home = set.some((entry) => entry.startsWith('HOME=')) ? [] : [`HOME=${homeOf(context, process, place.root)}`];
  const { capabilities } = process;
  return {
    ...process,
    env: [...set, ...home],
    ...(capabilities === undefined ? {} : { capabilities: possibleOnes(context, capabilities) }),
  };
}

function lastOfEach(env: readonly string[], prefix: string): string[] {
  const values = new Map<string, string>();
  for (const entry of env) {
    const equals = entry.indexOf('=');
    if (equals < 0) throw wrongEntry(`${prefix}invalid environment variable: ${JSON.stringify(entry)}`);
    if (equals === 0) throw wrongEntry(`${prefix}environment variable name can't be empty: ${JSON.stringify(entry)}`);
    values.set(entry.slice(0, equals), entry);
  }
  return [...values.values()];
}

function wrongEntry(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'RUNTIME_ENVIRONMENT', message);
}

/** Without PATH there is nowhere to look; bosun's usual places are for callers that leave it out on purpose. */
function refuseSearchNowhere({ args = [] }: Process, env: readonly string[]): void {
  const name = args[0] ?? '';
  if (name.includes('/') || env.some((entry) => entry.startsWith('PATH='))) return;
  const message = `unable to start container process: exec: ${JSON.stringify(name)}: executable file not found in $PATH`;
  throw new OrlopError('not-found', 'RUNTIME_COMMAND_NOT_FOUND', message, { hint: 'set PATH in process.env' });
}

function homeOf(context: RuntimeContext, process: Process, root: string): string {
  const descriptor = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return findHome(context.addon(), descriptor, process.user?.uid ?? 0);
  } finally {
    closeSync(descriptor);
  }
}

function possibleOnes(context: RuntimeContext, asked: LinuxCapabilities): LinuxCapabilities {
  const sets = knownOnes(context, asked);
  const { ambient = [], permitted = [], inheritable = [] } = sets;
  const possible = ambient.filter((name) => permitted.includes(name) && inheritable.includes(name));
  if (possible.length === ambient.length) return sets;
  // capabilities(7): none is ambient that is not both permitted and inheritable. Who lists them all and none as inheritable, as Buildah does, never had any: that is no news.
  const lost = inheritable.length === 0 ? [] : ambient.filter((name) => !possible.includes(name));
  for (const name of lost) context.log.write('warning', `can't raise ambient capability ${name}: operation not permitted`);
  return { ...sets, ambient: possible };
}

function knownOnes(context: RuntimeContext, sets: LinuxCapabilities): LinuxCapabilities {
  const known = new Set<string>(allCapabilities);
  const asked = new Set(Object.values(sets).flatMap((names: readonly string[] | undefined) => names ?? []));
  const unknown = [...asked].filter((name) => !known.has(name));
  if (unknown.length === 0) return sets;
  context.log.write('warning', `ignoring unknown or unavailable capabilities: [${unknown.join(' ')}]`);
  const keep = (names: readonly string[] = []): string[] => names.filter((name) => known.has(name));
  return Object.fromEntries(Object.entries(sets).map(([set, names]: [string, readonly string[] | undefined]) => [set, keep(names)]));
}
