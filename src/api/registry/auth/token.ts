import { refuse } from '../spec/errors.ts';
import { parseTrustedKeys, verifyToken, type Claims } from './jwt.ts';
import type { Access, Authenticator } from './types.ts';

export interface TokenOptions {
  /** Where clients get tokens: told in the challenge. */
  readonly realm: string;
  /** What tokens must have in `aud`. */
  readonly service: string;
  /** What tokens must have in `iss`. */
  readonly issuer: string;
  /** PEM: public keys and certificates that tokens may be signed by. */
  readonly keys: string;
  readonly now?: () => Date;
}

/** Clocks differ by so much, in seconds. */
const leewaySeconds = 60;

/** Bearer tokens (RFC 6750) that are JWTs with Docker's `access` claim, signed by a key we are given. Fails like `parseTrustedKeys`. */
export function createTokenAuthenticator(options: TokenOptions): Authenticator {
  const trusted = parseTrustedKeys(options.keys);
  const now = options.now ?? (() => new Date());
  const refused = (access: Access, error: 'invalid_token' | 'insufficient_scope' | null, message: string): Error => {
    return refuse('UNAUTHORIZED', message, { headers: { 'WWW-Authenticate': formatChallenge(options, access, error) } });
  };
  return {
    identify(authorization, access) {
      const token = /^bearer +([\w.~+/=-]+)$/i.exec(authorization ?? '')?.[1];
      if (token === undefined) return Promise.reject(refused(access, null, 'authentication is required'));
      const claims = verifyToken(token, trusted, now());
      if (claims === null || !isForUs(claims, options, now().getTime() / 1000))
        return Promise.reject(refused(access, 'invalid_token', 'the token is not valid here or not any more'));
      const user = typeof claims['sub'] === 'string' && claims['sub'] !== '' ? claims['sub'] : null;
      return Promise.resolve({
        user,
        require(wanted) {
          if (!grants(claims['access'], wanted)) throw refused(wanted, 'insufficient_scope', 'the token does not permit this');
        },
      });
    },
  };
}

function isForUs(claims: Claims, { service, issuer }: TokenOptions, seconds: number): boolean {
  const { iss, aud, exp, nbf } = claims as { iss?: unknown; aud?: unknown; exp?: unknown; nbf?: unknown };
  const audience: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (iss !== issuer || !audience.includes(service)) return false;
  if (typeof exp !== 'number' || seconds >= exp + leewaySeconds) return false;
  return nbf === undefined || (typeof nbf === 'number' && seconds >= nbf - leewaySeconds);
}

/** Docker's token specification: `access` is a list of `{type, name, actions}`. Whoever has a valid token may ask whether they are at the right place. */
function grants(access: unknown, wanted: Access): boolean {
  if (wanted.kind === 'base') return true;
  const [type, name, action] = scopeOf(wanted);
  if (!Array.isArray(access)) return false;
  return access.some((entry: unknown) => {
    const grant = (typeof entry === 'object' && entry !== null ? entry : {}) as { type?: unknown; name?: unknown; actions?: unknown };
    const actions: readonly unknown[] = Array.isArray(grant.actions) ? grant.actions : [];
    return grant.type === type && grant.name === name && (actions.includes(action) || actions.includes('*'));
  });
}

function scopeOf(access: Exclude<Access, { kind: 'base' }>): readonly [type: string, name: string, action: string] {
  return access.kind === 'repository' ? ['repository', access.name, access.action] : ['registry', access.kind, '*'];
}

function formatChallenge({ realm, service }: TokenOptions, access: Access, error: string | null): string {
  const parts = [`realm="${realm}"`, `service="${service}"`];
  if (access.kind !== 'base') {
    const [type, name, action] = scopeOf(access);
    // Whoever pushes looks first at what is there.
    parts.push(`scope="${type}:${name}:${action === 'push' ? 'pull,push' : action}"`);
  }
  if (error !== null) parts.push(`error="${error}"`);
  return `Bearer ${parts.join(',')}`;
}
