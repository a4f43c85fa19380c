import { mkdir, open, readFile, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import { parseJson } from '#oci';
import type { Credential } from '../types.ts';
import { failed, type HelperOptions, runHelper } from './credential-program.ts';

/** The credentials that people keep in Docker's configuration file or in the program that it names. */
export interface CredentialStore {
  /** Null when nothing is kept. Failed-precondition `REGISTRY_BAD_CONFIG` for a damaged file, unavailable for a helper that fails. */
  get(domain: string): Promise<Credential | null>;
  /** Says where they were put: the file, or the helper's name. */
  set(domain: string, credential: Credential & { type: 'password' | 'identity-token' }): Promise<string>;
  /** True when there were any. */
  erase(domain: string): Promise<boolean>;
}

interface DockerConfig extends Record<string, unknown> {
  auths?: Record<string, { auth?: string; username?: string; password?: string; identitytoken?: string; registrytoken?: string }>;
  credsStore?: string;
  credHelpers?: Record<string, string>;
}

const maxConfigBytes = 4 * 1024 * 1024;
/** What Docker calls its hub there. */
const hubKey = 'https://index.docker.io/v1/';
const tokenUser = '<token>';

/** `$DOCKER_CONFIG/config.json`, or `~/.docker/config.json`. */
export function dockerConfigPath(env: Readonly<Record<string, string | undefined>>, home: string): string {
  const directory = env['DOCKER_CONFIG'];
  return join(directory === undefined || directory === '' ? join(home, '.docker') : directory, 'config.json');
}

/** The store behind a configuration file; the file need not be there. */
export function createCredentialStore(path: string, options: HelperOptions = {}): CredentialStore {
  const helperOf = (config: DockerConfig, domain: string): string | null => {
    const byHost = Object.entries(config.credHelpers ?? {}).find(([key]) => domainOfKey(key) === domain)?.[1];
    return byHost ?? (config.credsStore === undefined || config.credsStore === '' ? null : config.credsStore);
  };
  return {
    async get(domain) {
      const config = await readConfig(path);
      const helper = helperOf(config, domain);
      const kept = helper === null ? null : await askHelper(helper, keyOf(domain), options);
      return kept ?? readAuth(config, domain, path);
    },
    async set(domain, credential) {
      const config = await readConfig(path);
      const helper = helperOf(config, domain);
      const others = Object.entries(config.auths ?? {}).filter(([key]) => domainOfKey(key) !== domain);
      if (helper !== null) {
        const { code, stdout } = await runHelper(
          helper,
          'store',
          JSON.stringify({ ServerURL: keyOf(domain), ...formatSecret(credential) }),
          options,
        );
        if (code !== 0) throw failed(helper, stdout.trim().slice(0, 200));
      }
      const entry = helper === null ? formatEntry(credential) : {};
      await writeConfig(path, { ...config, auths: { ...Object.fromEntries(others), [keyOf(domain)]: entry } });
      return helper === null ? path : `docker-credential-${helper}`;
    },
    async erase(domain) {
      const config = await readConfig(path);
      const helper = helperOf(config, domain);
      const had = helper === null ? null : await askHelper(helper, keyOf(domain), options);
      if (helper !== null && had !== null) await runHelper(helper, 'erase', keyOf(domain), options);
      const entries = Object.entries(config.auths ?? {});
      const rest = entries.filter(([key]) => domainOfKey(key) !== domain);
      if (rest.length < entries.length) await writeConfig(path, { ...config, auths: Object.fromEntries(rest) });
      return had !== null || rest.length < entries.length;
    },
  };
}

const keyOf = (domain: string): string => (domain === 'docker.io' ? hubKey : domain);

/** Keys are hosts, or URLs of old. */
function domainOfKey(key: string): string {
  const host = key.replace(/^https?:\/\//, '').split('/')[0] ?? '';
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host;
}

async function readConfig(path: string): Promise<DockerConfig> {
  try {
    const json = parseJson(await readFile(path), { name: path, maxBytes: maxConfigBytes });
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as DockerConfig;
    throw new OrlopError('failed-precondition', 'REGISTRY_BAD_CONFIG', `${path} holds no object`);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return {};
    const why = error instanceof Error ? error.message : String(error);
    throw new OrlopError('failed-precondition', 'REGISTRY_BAD_CONFIG', `cannot read the credentials of ${path}: ${why}`, { cause: error });
  }
}

function readAuth(config: DockerConfig, domain: string, path: string): Credential | null {
  const entry = Object.entries(config.auths ?? {}).find(([key]) => domainOfKey(key) === domain)?.[1];
  if (entry === undefined || entry === null) return null;
  if (typeof entry.identitytoken === 'string' && entry.identitytoken !== '') return { type: 'identity-token', token: entry.identitytoken };
  if (typeof entry.registrytoken === 'string' && entry.registrytoken !== '') return { type: 'registry-token', token: entry.registrytoken };
  if (typeof entry.auth !== 'string' || entry.auth === '') return null;
  const text = Buffer.from(entry.auth, 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = text.indexOf(':');
  if (colon < 1) throw new OrlopError('failed-precondition', 'REGISTRY_BAD_CONFIG', `${path}: the credentials for ${domain} are malformed`);
  return { type: 'password', username: text.slice(0, colon), password: text.slice(colon + 1) };
}

type Kept = Parameters<CredentialStore['set']>[1];

function formatEntry(credential: Kept): NonNullable<DockerConfig['auths']>[string] {
  if (credential.type === 'identity-token') return { identitytoken: credential.token };
  return { auth: Buffer.from(`${credential.username}:${credential.password}`).toString('base64') };
}

/** As helpers are told: a token has a user name that no user has. */
function formatSecret(credential: Kept): { Username: string; Secret: string } {
  if (credential.type === 'identity-token') return { Username: tokenUser, Secret: credential.token };
  return { Username: credential.username, Secret: credential.password };
}

async function askHelper(helper: string, key: string, options: HelperOptions): Promise<Credential | null> {
  const { code, stdout } = await runHelper(helper, 'get', key, options);
  // The protocol has no exit code for "none"; the sentence is fixed.
  if (code !== 0 && /credentials not found/i.test(stdout)) return null;
  if (code !== 0) throw failed(helper, stdout.trim().slice(0, 200));
  try {
    const { Username: username, Secret: secret } = JSON.parse(stdout) as { Username?: unknown; Secret?: unknown };
    if (typeof username !== 'string' || typeof secret !== 'string') throw new Error('no user name and secret');
    return username === tokenUser ? { type: 'identity-token', token: secret } : { type: 'password', username, password: secret };
  } catch {
    throw failed(helper, 'its answer makes no sense');
  }
}

/** Whole or not at all, for its owner only, behind a link too. */
async function writeConfig(path: string, config: DockerConfig): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const target = await realpath(path).catch(() => path);
  const temporary = `${target}.${process.pid}.new`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(config, null, '\t')}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
