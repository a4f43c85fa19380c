import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';

/** Where an engine is and how it is reached, under a name. On disk and in archives it is Docker's, so that either command line takes the other's archives. */
export interface Context {
  readonly name: string;
  readonly description: string;
  readonly host: string;
  /** PEM texts by the names of their files; empty where the engine is reached without TLS. */
  readonly tls: TlsFiles;
}

export const tlsNames = ['ca.pem', 'cert.pem', 'key.pem'] as const;
export type TlsName = (typeof tlsNames)[number];
export type TlsFiles = Readonly<Partial<Record<TlsName, string>>>;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The user's contexts:
 *
 *     ~/.config/orlop/current-context             the name of the one in use; missing: default
 *     ~/.config/orlop/contexts/NAME/meta.json
 *     ~/.config/orlop/contexts/NAME/tls/docker/   ca.pem, cert.pem, key.pem
 */
export function contextsDirectory(env: Environment): string {
  const base = env['XDG_CONFIG_HOME'] || join(env['HOME'] ?? homedir(), '.config');
  return join(base, 'orlop');
}

export function placeOf(env: Environment, name: string): string {
  return join(contextsDirectory(env), 'contexts', name);
}

/** The name that `context use` was given last. The launcher may have looked (bin/orlop). */
export function readCurrent(env: Environment): string {
  return env['ORLOP_CURRENT_CONTEXT'] || readText(join(contextsDirectory(env), 'current-context'))?.trim() || 'default';
}

export function writeCurrent(env: Environment, name: string): void {
  const path = join(contextsDirectory(env), 'current-context');
  if (name === 'default') rmSync(path, { force: true });
  else writeWhole(path, `${name}\n`);
}

/** In the order of their names, without the default. */
export function listContextNames(env: Environment): string[] {
  try {
    return readdirSync(join(contextsDirectory(env), 'contexts'))
      .filter((name) => isContextName(name))
      .sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Fails with not-found, or with data-loss for one that is no context. */
export function readContext(env: Environment, name: string): Context {
  const directory = placeOf(env, name);
  const text = isContextName(name) ? readText(join(directory, 'meta.json')) : null;
  if (text === null)
    throw new OrlopError('not-found', 'CLI_CONTEXT', `context ${JSON.stringify(name)} does not exist`, {
      hint: 'see them all with: orlop context ls',
    });
  const files = tlsNames.map((file) => [file, readText(join(directory, 'tls/docker', file))] as const);
  return { ...parseMeta(text), name, tls: Object.fromEntries(files.filter(([, content]) => content !== null)) };
}

/** Keeps a context, in place of one that has its name. The directory is its owner's alone: it may hold a key. */
export function writeContext(env: Environment, context: Context): void {
  const directory = placeOf(env, context.name);
  const tls = join(directory, 'tls/docker');
  rmSync(tls, { recursive: true, force: true });
  mkdirSync(tls, { recursive: true, mode: 0o700 });
  for (const [file, content] of Object.entries(context.tls)) writeFileSync(join(tls, file), content, { mode: 0o600 });
  writeWhole(join(directory, 'meta.json'), formatMeta(context));
}

export function removeContext(env: Environment, name: string): void {
  rmSync(placeOf(env, readContext(env, name).name), { recursive: true });
}

/** What Docker takes for a name. */
export function isContextName(name: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$/.test(name) && name !== 'default';
}

export function formatMeta({ name, description, host }: Context): string {
  const Metadata = description === '' ? {} : { Description: description };
  return JSON.stringify({ Name: name, Metadata, Endpoints: { docker: { Host: host, SkipTLSVerify: false } } });
}

/** Fails with data-loss for what is no context, and with unimplemented for one that trusts whoever answers. Pure. */
export function parseMeta(text: string): Omit<Context, 'tls'> {
  const meta = parseObject(text);
  const { Host: host, SkipTLSVerify: trusting } = fieldOf(fieldOf(meta, 'Endpoints'), 'docker');
  const { Description: description } = fieldOf(meta, 'Metadata');
  const { Name: name } = meta;
  if (typeof host !== 'string' || typeof name !== 'string')
    throw new OrlopError('data-loss', 'CLI_CONTEXT', 'this is no context: it names no engine');
  if (trusting === true)
    throw new OrlopError('unimplemented', 'CLI_CONTEXT', `context ${JSON.stringify(name)} skips TLS verification, which is refused`, {
      hint: "it would trust whoever answers; give it the engine's authority: --docker host=…,ca=…",
    });
  return { name, host, description: typeof description === 'string' ? description : '' };
}

type Fields = Readonly<Record<string, unknown>>;

function parseObject(text: string): Fields {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : {};
  } catch {
    return {};
  }
}

function fieldOf(fields: Fields, name: string): Fields {
  const value = fields[name];
  return isFields(value) ? value : {};
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

/** There is never half a file. */
function writeWhole(path: string, text: string): void {
  mkdirSync(join(path, '..'), { recursive: true });
  const part = `${path}.${process.pid}.part`;
  writeFileSync(part, text, { mode: 0o644 });
  renameSync(part, path);
}
