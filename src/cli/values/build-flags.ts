import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { OrlopError } from '#errors';
import type { BuildOutput, BuildRequest, NamedContext } from '#wire';
import type { Arguments } from '../arguments/parse.ts';
import { usageError } from '../arguments/usage-error.ts';
import { readLimits } from './container-options.ts';
import { parseHostEntries, parsePairs, parseUlimits } from './pairs.ts';
import { readCacheSource, readCacheTarget } from './build-cache-flags.ts';
import { fieldsOf } from './build-fields.ts';
import { parseBytes } from './size.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The flags of a build as a request; contexts and the Dockerfile come beside it. */
export async function readBuildFlags(args: Arguments, env: Env): Promise<BuildRequest> {
  const isolation = args.text('isolation') ?? 'default';
  if (isolation !== 'default') throw usageError(`invalid isolation: ${JSON.stringify(isolation)} - linux only supports 'default'`);
  const limits = readLimits(args);
  const shm = args.text('shm-size');
  const text = <Name extends keyof BuildRequest>(flag: string, name: Name): Partial<BuildRequest> => {
    const value = args.text(flag);
    return value === undefined || value === '' ? {} : { [name]: value };
  };
  return {
    names: args.list('tag'),
    buildArgs: readBuildArgs(args.list('build-arg'), env),
    labels: parsePairs('label', args.list('label'), { bare: true }),
    ...text('target', 'target'),
    ...text('platform', 'platform'),
    ...text('network', 'network'),
    noCache: args.flag('no-cache'),
    noCacheFilter: args.list('no-cache-filter').flatMap((entry) => entry.split(',')),
    cacheFrom: args.list('cache-from').map(readCacheSource),
    cacheTo: args.list('cache-to').map(readCacheTarget),
    pull: args.flag('pull'),
    squash: args.flag('squash'),
    ...readCall(args),
    keepFailed: args.text('on-error') === 'shell',
    allow: args.list('allow').flatMap((entry) => entry.split(',')),
    extraHosts: parseHostEntries(args.list('add-host')),
    dns: args.list('dns'),
    ulimits: parseUlimits(args.list('ulimit')),
    ...(limits === undefined ? {} : { limits }),
    ...(shm === undefined ? {} : { shmSizeBytes: parseBytes('shm-size', shm) }),
    secrets: await readSecrets(args.list('secret'), env),
    ssh: readAgents(args.list('ssh'), env),
  };
}

/** What is asked for in place of building. */
function readCall(args: Arguments): Pick<BuildRequest, 'check' | 'describe'> {
  const call = args.text('call') ?? 'build';
  if (call !== 'build' && call !== 'check' && call !== 'targets' && call !== 'outline')
    throw usageError(`invalid argument ${JSON.stringify(call)} for "--call" flag: build, check, targets or outline`);
  const onError = args.text('on-error');
  if (onError !== undefined && onError !== 'shell')
    throw usageError(`invalid argument ${JSON.stringify(onError)} for "--on-error" flag: shell`);
  if (call === 'targets' || call === 'outline') return { describe: call };
  return { check: args.flag('check') || call === 'check' };
}

/** A bare name takes its value from the environment, and is left out when that has none. SOURCE_DATE_EPOCH comes along by itself. */
function readBuildArgs(entries: readonly string[], env: Env): Record<string, string> {
  const epoch = env['SOURCE_DATE_EPOCH'];
  const values: Record<string, string> = epoch === undefined ? {} : { SOURCE_DATE_EPOCH: epoch };
  for (const entry of entries) {
    const mark = entry.indexOf('=');
    if (mark === 0 || entry === '') throw usageError(`invalid argument ${JSON.stringify(entry)} for "--build-arg" flag: write name=value`);
    const value = mark < 0 ? env[entry] : entry.slice(mark + 1);
    if (value !== undefined) values[mark < 0 ? entry : entry.slice(0, mark)] = value;
  }
  return values;
}

const longestSecret = 500 * 1024;

async function readSecrets(entries: readonly string[], env: Env): Promise<Record<string, string>> {
  const secrets: Record<string, string> = {};
  for (const entry of entries) {
    const { id, src, source = src, env: variable, type } = fieldsOf('secret', entry, ['id', 'src', 'source', 'env', 'type']);
    const name = id ?? (source === undefined ? undefined : source.split('/').at(-1));
    if (name === undefined || name === '')
      throw usageError(`invalid argument ${JSON.stringify(entry)} for "--secret" flag: it needs an id`);
    const isVariable = type === 'env' || variable !== undefined || (type === undefined && source === undefined && env[name] !== undefined);
    secrets[name] = isVariable ? secretVariable(env, variable ?? source ?? name) : await secretFile(source ?? name);
  }
  return secrets;
}

function secretVariable(env: Env, name: string): string {
  const value = env[name];
  if (value === undefined) throw new OrlopError('not-found', 'CLI_NO_SECRET', `the secret's variable ${name} is not set`);
  return Buffer.from(value).toString('base64');
}

async function secretFile(path: string): Promise<string> {
  const content = await readFile(path).catch((cause: unknown) => {
    throw new OrlopError(
      'not-found',
      'CLI_NO_SECRET',
      `the secret's file ${path} cannot be read: ${(cause as NodeJS.ErrnoException).code}`,
      { cause },
    );
  });
  if (content.length > longestSecret)
    throw new OrlopError('invalid-argument', 'CLI_LONG_SECRET', `the secret's file ${path} is longer than 500 KiB`);
  return content.toString('base64');
}

/** `default`, `id`, `id=socket`. Keys in files would need an agent of ours. */
function readAgents(entries: readonly string[], env: Env): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const [id = '', path] = entry.split('=');
      const socket = path ?? env['SSH_AUTH_SOCK'];
      if (socket === undefined || socket === '')
        throw new OrlopError('failed-precondition', 'CLI_NO_AGENT', 'no SSH agent is running: SSH_AUTH_SOCK is not set', {
          hint: 'start one, or name its socket: --ssh default=/path/to/socket',
        });
      if (!isSocket(socket))
        throw new OrlopError(
          'unimplemented',
          'CLI_SSH_KEY',
          `${socket} is no agent's socket: keys in files are not forwarded, only agents`,
          {
            hint: 'start an agent and add the key with ssh-add',
          },
        );
      return [id === '' ? 'default' : id, resolve(socket)];
    }),
  );
}

/** Or nothing yet: then the step that wants it says so. */
function isSocket(path: string): boolean {
  return !path.includes(',') && statSync(path, { throwIfNoEntry: false })?.isSocket() !== false;
}

/** Where a result goes. */
export interface OutputPlan {
  readonly kind: BuildOutput;
  /** A directory that is filled, a file, or `-`; absent for an image. */
  readonly dest?: string;
  readonly isDirectory: boolean;
  /** Further names. */
  readonly names: readonly string[];
  /** All names are pushed when the image is there. */
  readonly isPushed?: boolean;
}

/** `-o`: a directory, `-`, or fields. One output at a time. */
export function readOutput(entries: readonly string[]): OutputPlan {
  const [entry, ...more] = entries;
  if (more.length > 0) throw usageError('only one --output at a time');
  if (entry === undefined) return { kind: 'image', isDirectory: false, names: [] };
  if (entry === '-') return { kind: 'tar', dest: '-', isDirectory: false, names: [] };
  if (!entry.includes('=')) return { kind: 'tar', dest: entry, isDirectory: true, names: [] };
  const { type = '', dest, name, push = 'false' } = fieldsOf('output', entry, ['type', 'dest', 'name', 'push']);
  if (!['true', 'false'].includes(push))
    throw usageError(`invalid argument ${JSON.stringify(entry)} for "--output" flag: push is true or false`);
  if (push === 'true' && type !== 'image' && type !== 'registry') throw usageError(`--output type=${type} is not pushed: only images are`);
  const names = name === undefined ? [] : [name];
  const to = dest === undefined ? {} : { dest };
  switch (type) {
    case 'registry':
    case 'image':
      return { kind: 'image', isDirectory: false, names, isPushed: type === 'registry' || push === 'true' };
    case 'docker':
      // Without a file it is loaded, as Docker's does.
      return dest === undefined ? { kind: 'image', isDirectory: false, names } : { kind: 'docker', ...to, isDirectory: false, names };
    case 'oci':
      return { kind: 'oci', dest: dest ?? '-', isDirectory: false, names };
    case 'tar':
      return { kind: 'tar', dest: dest ?? '-', isDirectory: false, names };
    case 'local':
      if (dest === undefined) throw usageError('--output type=local needs dest=DIRECTORY');
      return { kind: 'tar', dest, isDirectory: true, names };
    case 'cacheonly':
      return { kind: 'none', isDirectory: false, names };
    default:
      throw usageError(
        `invalid argument ${JSON.stringify(entry)} for "--output" flag: the type is image, registry, docker, oci, tar, local or cacheonly`,
      );
  }
}

/** Directories among the named contexts are sent, in the order of their numbers. */
export function readNamedContexts(entries: readonly string[]): {
  readonly contexts: Record<string, NamedContext>;
  readonly directories: readonly string[];
} {
  const contexts: Record<string, NamedContext> = {};
  const directories: string[] = [];
  for (const entry of entries) {
    const mark = entry.indexOf('=');
    if (mark <= 0) throw usageError(`invalid argument ${JSON.stringify(entry)} for "--build-context" flag: write name=place`);
    const [name, place] = [entry.slice(0, mark), entry.slice(mark + 1)];
    if (place.startsWith('docker-image://')) contexts[name] = { kind: 'image', reference: place.slice('docker-image://'.length) };
    else if (place.startsWith('oci-layout://')) {
      throw new OrlopError('unimplemented', 'CLI_BUILD_CONTEXT', 'OCI layouts are no build contexts yet', {
        hint: 'load the image first: tar -C LAYOUT -c . | orlop load',
      });
    } else if (isRemote(place)) contexts[name] = { kind: 'remote', url: place };
    else contexts[name] = { kind: 'sent', stream: directories.push(place) - 1 };
  }
  return { contexts, directories };
}

/** A repository or an address, as Docker tells them from directories. */
export function isRemote(place: string): boolean {
  return /^(?:https?|git|ssh):\/\//.test(place) || place.startsWith('github.com/') || /^[\w.-]+@[\w.-]+:/.test(place);
}
