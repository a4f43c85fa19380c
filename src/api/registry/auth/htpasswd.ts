import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { OrlopError } from '#errors';
import { refuse } from '../spec/errors.ts';
import type { Authenticator } from './types.ts';

/** Compares a password with a bcrypt hash, off the event loop or in slices. */
export type ComparePassword = (password: string, hash: string) => Promise<boolean>;

export interface HtpasswdOptions {
  /** `user:hash` lines as htpasswd(1) -B makes them; read again when it changes. */
  readonly file: string;
  readonly compare: ComparePassword;
  readonly realm: string;
  /** Whether those who say no name may pull. */
  readonly anonymousPull: boolean;
}

/** What an unknown user's password is compared with, so that the time tells nobody which names there are. It is the hash of a random text. */
const nobodysHash = '$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy';
const mostRemembered = 1000;
const bcryptPattern = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/;

/** Basic authentication (RFC 7617) against a file of bcrypt hashes. A user in the file may do everything. Fails like `parseHtpasswd`. */
export async function createHtpasswd(options: HtpasswdOptions): Promise<Authenticator> {
  const challenge = { headers: { 'WWW-Authenticate': `Basic realm="${options.realm}", charset="UTF-8"` } };
  const users = await watchUsers(options.file);
  const compare = rememberSuccess(options.compare);
  return {
    async identify(authorization, access) {
      if (authorization === undefined) {
        const mayPull = options.anonymousPull && (access.kind === 'base' || (access.kind === 'repository' && access.action === 'pull'));
        if (!mayPull) throw refuse('UNAUTHORIZED', 'authentication is required', challenge);
        return {
          user: null,
          require(wanted) {
            const fine = wanted.kind === 'base' || (wanted.kind === 'repository' && wanted.action === 'pull');
            if (!fine) throw refuse('UNAUTHORIZED', 'authentication is required', challenge);
          },
        };
      }
      const credentials = parseBasic(authorization);
      const hash = credentials === null ? undefined : (await users()).get(credentials.user);
      const right = await compare(credentials?.password ?? '', hash ?? nobodysHash);
      if (credentials === null || hash === undefined || !right) throw refuse('UNAUTHORIZED', 'wrong user name or password', challenge);
      return { user: credentials.user, require: () => undefined };
    },
  };
}

/** Null for anything else than well-formed Basic credentials. */
export function parseBasic(header: string): { readonly user: string; readonly password: string } | null {
  const match = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header);
  const text = Buffer.from(match?.[1] ?? '', 'base64').toString('utf8');
  const colon = text.indexOf(':');
  // bcrypt reads 72 bytes at most; far longer ones are no passwords.
  if (colon < 1 || text.length > 1024) return null;
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** Users and their hashes. Fails with invalid-argument `REGISTRY_HTPASSWD` naming the line that is no bcrypt hash; never shows the hash. */
export function parseHtpasswd(text: string): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    const hash = line.slice(colon + 1).trim();
    if (colon < 1 || !bcryptPattern.test(hash))
      throw new OrlopError('invalid-argument', 'REGISTRY_HTPASSWD', `line ${index + 1} of the htpasswd file has no bcrypt hash`, {
        hint: 'make it with htpasswd -B',
      });
    users.set(line.slice(0, colon), hash);
  }
  return users;
}

async function watchUsers(file: string): Promise<() => Promise<ReadonlyMap<string, string>>> {
  const load = async () => ({ stamp: await stampOf(file), users: parseHtpasswd(await readFile(file, 'utf8')) });
  let loaded = await load();
  return async () => {
    if ((await stampOf(file)) !== loaded.stamp) loaded = await load();
    return loaded.users;
  };
}

async function stampOf(file: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(file);
  return `${mtimeMs} ${size} ${ino}`;
}

/** bcrypt is slow by design, and a push makes hundreds of requests: what was right once is known by a keyed digest, not by the password. */
function rememberSuccess(compare: ComparePassword): ComparePassword {
  const key = randomBytes(32);
  const right = new Map<string, Buffer>();
  return async (password, hash) => {
    const mark = createHmac('sha256', key).update(password).digest();
    const known = right.get(hash);
    if (known !== undefined && timingSafeEqual(known, mark)) return true;
    if (!(await compare(password, hash))) return false;
    if (right.size >= mostRemembered) right.clear();
    right.set(hash, mark);
    return true;
  };
}
