import { homedir } from 'node:os';
import { parseReference } from '#oci';
import { createCredentialStore, type Credential, type CredentialStore, dockerConfigPath } from '#registry';
import type { DockerAuth } from '#wire';

/** The user's own credentials: Docker's file, or the program that it names. */
export function openCredentials(env: Readonly<Record<string, string | undefined>>): CredentialStore {
  return createCredentialStore(dockerConfigPath(env, env['HOME'] ?? homedir()), { env });
}

/** What the engine is given along with the name of an image; undefined when nothing is kept for its registry. */
export async function authFor(image: string, env: Readonly<Record<string, string | undefined>>): Promise<DockerAuth | undefined> {
  const { domain } = parseReference(image);
  const credential = await openCredentials(env).get(domain);
  return credential === null ? undefined : authOf(domain, credential);
}

export function authOf(domain: string, credential: Credential): DockerAuth {
  const serveraddress = domain === 'docker.io' ? 'https://index.docker.io/v1/' : domain;
  if (credential.type === 'identity-token') return { serveraddress, identitytoken: credential.token };
  if (credential.type === 'registry-token') return { serveraddress, registrytoken: credential.token };
  return { serveraddress, username: credential.username, password: credential.password };
}

/** A server as people type it, as references name it. */
export function registryOf(server: string | undefined): string {
  const host = (server ?? '').replace(/^https?:\/\//i, '').split('/')[0] ?? '';
  return host === '' || host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host;
}
