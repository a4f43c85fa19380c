import { OrlopError } from '#errors';
import type { Exchange } from '#api/http';
import type { DockerAuth, RegistryLogin } from '#wire';

const maxHeaderLength = 64 * 1024;

/** Who the client is to the registry: `X-Registry-Auth`, JSON in base64url. Invalid-argument `DOCKER_BAD_AUTH`, which never repeats what it holds. */
export function loginOf(exchange: Exchange): { login?: RegistryLogin } {
  const header = exchange.headers['x-registry-auth'];
  const text = Array.isArray(header) ? header[0] : header;
  if (text === undefined || text === '') return {};
  return { login: loginOfBody(decode(text)) };
}

function decode(text: string): DockerAuth {
  if (text.length > maxHeaderLength) throw bad();
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    throw bad();
  }
  throw bad();
}

/** Docker's words in ours; anything but text counts as nothing. */
export function loginOfBody(auth: DockerAuth): RegistryLogin {
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const pair = Buffer.from(text(auth.auth), 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  const username = text(auth.username) === '' && colon > 0 ? pair.slice(0, colon) : text(auth.username);
  const password = text(auth.username) === '' && colon > 0 ? pair.slice(colon + 1) : text(auth.password);
  return { username, password, identityToken: text(auth.identitytoken), registryToken: text(auth.registrytoken) };
}

/** A server's address as the registry of references: Docker calls its hub by a URL of old. */
export function registryOf(serverAddress: string): string {
  const host = serverAddress.replace(/^https?:\/\//i, '').split('/')[0] ?? '';
  return host === '' || host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host;
}

function bad(): OrlopError {
  return new OrlopError('invalid-argument', 'DOCKER_BAD_AUTH', 'the header X-Registry-Auth is not JSON in base64url');
}
