import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { OrlopError } from '#errors';
import { defaultHost, defaultTlsHost } from './host.ts';
import type { ClientTls } from './transport/connection.ts';

/** What a person says about the engine on a command line; each goes before the environment's word for it. */
export interface HostChoice {
  readonly host?: string | undefined;
  readonly tlsVerify?: boolean | undefined;
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The engine's address and what it is reached with, by Docker's rules under our own names: ORLOP_HOST, ORLOP_TLS_VERIFY (anything but nothing means yes) and ORLOP_CERT_PATH (a
 * directory with ca.pem, cert.pem and key.pem, by default ~/.docker). With TLS and no address it is Docker's port on this machine. DOCKER_HOST means another engine.
 */
export function chooseHost(choice: HostChoice, env: Environment): string {
  return choice.host ?? wordOf(env, 'HOST') ?? (wantsTls(choice, env) ? defaultTlsHost : defaultHost);
}

/** PEM texts for the engine that is chosen; undefined when TLS is not asked for. A file that was named and cannot be read is invalid-argument. */
export function readTls(choice: HostChoice, env: Environment): ClientTls | undefined {
  if (!wantsTls(choice, env)) return undefined;
  const named = wordOf(env, 'CERT_PATH');
  const directory = named ?? join(env['HOME'] ?? homedir(), '.docker');
  const read = (file: string | undefined, name: string): string | undefined => {
    const path = file ?? join(directory, name);
    try {
      return readFileSync(path, 'utf8');
    } catch (cause) {
      // As with Docker, what nobody named need not be there: the system's authorities count then, and no certificate is shown.
      if (file === undefined && named === undefined && cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')
        return undefined;
      throw new OrlopError('invalid-argument', 'CLIENT_TLS_FILE', `${path} cannot be read: ${codeOf(cause)}`, { cause });
    }
  };
  const ca = read(choice.caFile, 'ca.pem');
  const cert = read(choice.certFile, 'cert.pem');
  const key = read(choice.keyFile, 'key.pem');
  return { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) };
}

function wantsTls({ tlsVerify }: HostChoice, env: Environment): boolean {
  return tlsVerify ?? wordOf(env, 'TLS_VERIFY') !== undefined;
}

function wordOf(env: Environment, name: string): string | undefined {
  return env[`ORLOP_${name}`] || undefined;
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
}
