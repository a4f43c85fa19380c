import { createHash, randomUUID, sign, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { makeCertificates } from './certificates.ts';

/** A token service as registries know it (distribution's token specification), for one user. */
export interface TokenServer extends AsyncDisposable {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  /** A file with the certificate whose key signs the tokens. */
  readonly certificate: string;
  /** `GET` or `POST`, and what was asked for, of each request that was granted. */
  readonly granted: string[];
}

const refreshToken = 'refresh-me';

/** Lets in who shows this name and password, or the refresh token that it then gave. */
export async function openTokenServer(user: { readonly username: string; readonly password: string }): Promise<TokenServer> {
  const root = mkdtempSync(join(tmpdir(), 'orlop-tokens-'));
  makeCertificates(root);
  const [service, issuer, granted] = ['test-registry', 'test-issuer', [] as string[]];
  const key = readFileSync(join(root, 'server.key'));
  const certificate = readFileSync(join(root, 'server.crt'), 'utf8');
  const basic = `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const asked = await questionOf(request);
    const isKnown = request.headers.authorization === basic || asked.get('refresh_token') === refreshToken;
    if (!isKnown) return void response.writeHead(401).end();
    const scopes = asked.getAll('scope').flatMap((scope) => scope.split(' '));
    granted.push(`${request.method} ${scopes.join(' ')}`);
    const token = formatToken({ service, issuer, subject: user.username, scopes }, key, certificate);
    const more = asked.get('offline_token') === 'true' ? { refresh_token: refreshToken } : {};
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ token, access_token: token, expires_in: 300, ...more }));
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    realm: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    service,
    issuer,
    certificate: join(root, 'server.crt'),
    granted,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      rmSync(root, { recursive: true });
    },
  };
}

async function questionOf(request: IncomingMessage): Promise<URLSearchParams> {
  if (request.method === 'POST') return new URLSearchParams(await text(request));
  return new URL(request.url ?? '', 'http://x').searchParams;
}

interface Claims {
  readonly service: string;
  readonly issuer: string;
  readonly subject: string;
  readonly scopes: readonly string[];
}

/** A JWT whose header holds the certificate, so that whoever trusts that can check it. */
function formatToken({ service, issuer, subject, scopes }: Claims, key: Buffer, certificate: string): string {
  const now = Math.floor(Date.now() / 1000);
  const x509 = new X509Certificate(certificate);
  const header = { typ: 'JWT', alg: 'ES256', kid: keyId(x509), x5c: [x509.raw.toString('base64')] };
  const access = scopes.filter((scope) => scope !== '').map(accessOf);
  const times = { iat: now, nbf: now - 60, exp: now + 300 };
  const claims = { iss: issuer, sub: subject, aud: service, jti: randomUUID(), ...times, access };
  const head = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const signature = sign('sha256', Buffer.from(head), { key, dsaEncoding: 'ieee-p1363' });
  return `${head}.${signature.toString('base64url')}`;
}

/** `repository:team/app:pull,push`; a name may hold colons. */
function accessOf(scope: string): { type: string; name: string; actions: string[] } {
  const [type = '', ...rest] = scope.split(':');
  return { type, actions: (rest.pop() ?? '').split(','), name: rest.join(':') };
}

/** libtrust's id of a key: the beginning of its hash in base32, in groups of four. */
function keyId({ publicKey }: X509Certificate): string {
  const hash = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 30);
  const bits = [...hash].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const letters = bits.replaceAll(/.{5}/g, (five) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[Number.parseInt(five, 2)] ?? '');
  return letters.replaceAll(/.{4}(?!$)/g, '$&:');
}
