import { parseJson } from '#oci';
import type { RequestBody, WireAnswer } from '../http/send.ts';
import { collect, collectSome } from '../http/send.ts';
import { registryFailure, statusFailure, type Subject } from '../failures.ts';
import type { Credential } from '../types.ts';
import type { Challenge } from './challenge.ts';

/** A token and when it must not be used any more (milliseconds since the epoch). */
export interface Token {
  readonly value: string;
  readonly expiresAtMs: number;
  /** To ask for further ones without the password: only when it was wanted, and not of every service. */
  readonly refreshToken: string | null;
}

export interface TokenRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
}

/** As long as a token is good for when its service does not say (distribution's token specification). */
const defaultLifeSeconds = 60;
const maxTokenBytes = 1024 * 1024;

/**
 * What to ask the token service. Pure. A refresh token goes by POST (OAuth2), a password by GET with basic authentication, nobody by a plain GET.
 * Failed when the realm is no URL, or plain HTTP where `allowPlain` is false: credentials would be readable on the way.
 */
export function planTokenRequest(
  challenge: Challenge,
  credential: Credential | null,
  options: {
    readonly scopes: readonly string[];
    readonly allowPlain: boolean;
    readonly subject: Subject;
    /** A refresh token is wanted too. */
    readonly offline?: boolean;
  },
): TokenRequest {
  const { realm = '', service } = challenge.parameters;
  const url = URL.canParse(realm) ? new URL(realm) : null;
  if (url === null || (url.protocol !== 'https:' && !(options.allowPlain && url.protocol === 'http:'))) {
    throw registryFailure('unauthenticated', 'REGISTRY_BAD_REALM', options.subject, 'it names a token service that is no https address');
  }
  url.username = '';
  url.password = '';
  if (credential?.type === 'identity-token') {
    const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: 'orlop', refresh_token: credential.token });
    if (service !== undefined) form.set('service', service);
    if (options.scopes.length > 0) form.set('scope', options.scopes.join(' '));
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return { method: 'POST', url, headers, body: Buffer.from(form.toString()) };
  }
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of options.scopes) url.searchParams.append('scope', scope);
  if (credential?.type !== 'password') return { method: 'GET', url, headers: {} };
  url.searchParams.set('account', credential.username);
  if (options.offline === true) {
    url.searchParams.set('offline_token', 'true');
    url.searchParams.set('client_id', 'orlop');
  }
  return { method: 'GET', url, headers: { authorization: formatBasic(credential) } };
}

export function formatBasic({ username, password }: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** The token of a service's answer. Unauthenticated when it refuses, unavailable when it makes no sense. */
export async function readToken(answer: WireAnswer, subject: Subject, nowMs: number): Promise<Token> {
  if (answer.status !== 200) throw statusFailure(subject, answer.status, await collectSome(answer));
  const json = await collect(answer, maxTokenBytes)
    .then((bytes) => parseJson(bytes, { name: 'token', maxBytes: maxTokenBytes }) as Record<string, unknown> | null)
    .catch((error: unknown) => {
      throw registryFailure('unavailable', 'REGISTRY_BAD_TOKEN', subject, 'its token service answered nonsense', error);
    });
  // A header must not be cut in two by what it holds.
  const isToken = (text: unknown): text is string => typeof text === 'string' && /^[\x21-\x7e]+$/.test(text);
  const value = [json?.['token'], json?.['access_token']].find((text) => typeof text === 'string' && text !== '');
  if (!isToken(value)) {
    throw registryFailure('unavailable', 'REGISTRY_BAD_TOKEN', subject, 'its token service gave no token');
  }
  const seconds = typeof json?.['expires_in'] === 'number' ? Math.max(json['expires_in'], defaultLifeSeconds) : defaultLifeSeconds;
  // Not used in its last moments: the request takes time too.
  const refresh = json?.['refresh_token'];
  return { value, expiresAtMs: nowMs + seconds * 900, refreshToken: isToken(refresh) ? refresh : null };
}
