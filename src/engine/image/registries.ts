import type { Transfers } from '#image';
import { familiarReference } from '#oci';
import type { Credential, CredentialSource } from '#registry';
import type { RegistryLogin } from '#wire';
import type { EngineContext } from '../context.ts';
import type { Engine } from '../model.ts';

/** Images to and from registries, with events; credentials are used for the one call that brought them. */
export function createRegistryVerbs(context: EngineContext): Engine['registries'] {
  const { events, transfers } = context;
  const publish = (action: string, name: string): void => events.publish({ type: 'image', action, id: name, attributes: { name } });
  return {
    async pull(ref, { login, ...options }) {
      const pulled = await transfers.pull(ref, { ...options, ...credentialsOf(login) });
      const name = familiarReference(pulled.reference);
      publish('pull', name);
      return { name, digest: pulled.digest, isNew: pulled.isNew };
    },
    async push(ref, { login, ...options }) {
      const pushed = await transfers.push(ref, { ...options, ...credentialsOf(login) });
      publish('push', familiarReference(pushed.reference));
      return { tag: pushed.reference.tag ?? pushed.digest, digest: pushed.digest, sizeBytes: pushed.size };
    },
    tags: (ref, { login, signal }) => transfers.tags(ref, { ...credentialsOf(login), signal }),
    async inspect(ref, { login, signal }) {
      const { descriptor, platforms } = await transfers.inspect(ref, { ...credentialsOf(login), signal });
      return { mediaType: descriptor.mediaType, digest: descriptor.digest, sizeBytes: descriptor.size, platforms };
    },
    search: (domain, query, { login, signal }) => transfers.search(domain, query, { ...credentialsOf(login), signal }),
    login: (registry, login, signal) => transfers.login(registry, { ...credentialsOf(login), signal }),
  };
}

function credentialsOf(login: RegistryLogin | undefined): Pick<NonNullable<Parameters<Transfers['pull']>[1]>, 'credentials'> {
  const credential = login === undefined ? null : credentialOf(login);
  if (credential === null) return {};
  const credentials: CredentialSource = () => credential;
  return { credentials };
}

/** Credentials of several registries; `ask` is for those that are not among them. */
export function credentialsBy(
  logins: Readonly<Record<string, RegistryLogin>>,
  ask: (host: string) => Promise<RegistryLogin | null> | null = () => null,
): CredentialSource {
  return async (host) => {
    const login = Object.hasOwn(logins, host) ? logins[host] : await ask(host);
    return login === undefined || login === null ? null : credentialOf(login);
  };
}

function credentialOf({ username, password, identityToken, registryToken }: RegistryLogin): Credential | null {
  if (registryToken !== undefined && registryToken !== '') return { type: 'registry-token', token: registryToken };
  if (identityToken !== undefined && identityToken !== '') return { type: 'identity-token', token: identityToken };
  if (username === undefined || username === '') return null;
  return { type: 'password', username, password: password ?? '' };
}
