import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificates, placeCertificates } from './certificates.ts';
import { findProgram } from './engine-home.ts';
import { startProgram } from './programs.ts';
import type { TokenServer } from './token-server.ts';

/** The user that a registry with `users` lets in. */
export const user = { username: 'jo', password: 'geheim' } as const;
/** bcrypt of the password above, of the lowest cost. */
export const htpasswd = `${user.username}:$2b$04$WHkwncXCBQ9xn/8NI.9qcuh52G/Zu2TrxrVDL3z8D1iQidtBiPgzW\n`;

export interface DebianRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` or, with TLS, `localhost:PORT`. */
  readonly host: string;
  /** A `certs.d` for clients of a registry with TLS. */
  readonly certificates: string;
}

/** Why Debian's docker-registry cannot be run here, or false. */
export function whyNoRegistry(): string | false {
  const missing = ['docker-registry', 'openssl'].find((program) => findProgram(program) === null);
  return missing === undefined ? false : `${missing} is not installed (Debian package ${missing})`;
}

export interface DebianRegistryOptions {
  readonly users?: boolean;
  readonly tls?: boolean;
  readonly tokens?: TokenServer;
}

/** Docker's own registry on a port of its own, its data in a temporary directory. With `tls`, clients have to show a certificate too. */
export async function openDebianRegistry(options: DebianRegistryOptions = {}): Promise<DebianRegistry> {
  const root = mkdtempSync(join(tmpdir(), 'orlop-registry-'));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rmSync(root, { recursive: true, force: true }));
  const { tls = false, users = false, tokens } = options;
  if (tls) makeCertificates(root);
  writeFileSync(join(root, 'htpasswd'), htpasswd);
  const config = {
    version: 0.1,
    log: { level: 'info' },
    storage: { filesystem: { rootdirectory: join(root, 'data') }, delete: { enabled: true } },
    http: {
      addr: '127.0.0.1:0',
      ...(tls ? { tls: { certificate: join(root, 'server.crt'), key: join(root, 'server.key'), clientcas: [join(root, 'ca.crt')] } } : {}),
    },
    ...(users ? { auth: { htpasswd: { realm: 'test', path: join(root, 'htpasswd') } } } : {}),
    ...(tokens === undefined
      ? {}
      : { auth: { token: { realm: tokens.realm, service: tokens.service, issuer: tokens.issuer, rootcertbundle: tokens.certificate } } }),
  };
  writeFileSync(join(root, 'config.yml'), JSON.stringify(config));
  const program = startProgram([findProgram('docker-registry') ?? '', 'serve', join(root, 'config.yml')], { timeoutMs: 300_000 });
  undo.defer(async () => {
    program.child.kill('SIGKILL');
    await program.ended;
  });
  await program.said('listening on');
  const port = /listening on [^ "]*:(\d+)/.exec(program.heard.stderr)?.[1] ?? /listening on [^ "]*:(\d+)/.exec(program.heard.stdout)?.[1];
  const host = `${tls ? 'localhost' : '127.0.0.1'}:${port}`;
  const certificates = join(root, 'certs.d');
  if (tls) placeCertificates(root, join(certificates, host));
  const kept = undo.move();
  return { host, certificates, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
