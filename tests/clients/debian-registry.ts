import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from './engine-home.ts';
import { startProgram } from './programs.ts';

/** The user that a registry with `users` lets in. */
export const user = { username: 'jo', password: 'geheim' } as const;
// bcrypt of the password above, of the lowest cost.
const htpasswd = `${user.username}:$2b$04$WHkwncXCBQ9xn/8NI.9qcuh52G/Zu2TrxrVDL3z8D1iQidtBiPgzW\n`;

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

/** Docker's own registry on a port of its own, its data in a temporary directory. With `tls`, clients have to show a certificate too. */
export async function openDebianRegistry(options: { readonly users?: boolean; readonly tls?: boolean } = {}): Promise<DebianRegistry> {
  const root = mkdtempSync(join(tmpdir(), 'orlop-registry-'));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rmSync(root, { recursive: true, force: true }));
  const tls = options.tls === true ? makeCertificates(root) : null;
  writeFileSync(join(root, 'htpasswd'), htpasswd);
  const config = {
    version: 0.1,
    log: { level: 'info' },
    storage: { filesystem: { rootdirectory: join(root, 'data') }, delete: { enabled: true } },
    http: {
      addr: '127.0.0.1:0',
      ...(tls === null
        ? {}
        : { tls: { certificate: join(root, 'server.crt'), key: join(root, 'server.key'), clientcas: [join(root, 'ca.crt')] } }),
    },
    ...(options.users === true ? { auth: { htpasswd: { realm: 'test', path: join(root, 'htpasswd') } } } : {}),
  };
  writeFileSync(join(root, 'config.yml'), JSON.stringify(config));
  const program = startProgram([findProgram('docker-registry') ?? '', 'serve', join(root, 'config.yml')], { timeoutMs: 300_000 });
  undo.defer(async () => {
    program.child.kill('SIGKILL');
    await program.ended;
  });
  await program.said('listening on');
  const port = /listening on [^ "]*:(\d+)/.exec(program.heard.stderr)?.[1] ?? /listening on [^ "]*:(\d+)/.exec(program.heard.stdout)?.[1];
  const host = `${tls === null ? '127.0.0.1' : 'localhost'}:${port}`;
  const certificates = join(root, 'certs.d');
  if (tls !== null) placeCertificates(root, join(certificates, host));
  const kept = undo.move();
  return { host, certificates, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** A CA, and signed by it `server` for localhost and `client`. */
function makeCertificates(root: string): true {
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: root, stdio: 'ignore' });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...curve, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=test-ca', '-days', '2');
  writeFileSync(join(root, 'names'), 'subjectAltName=DNS:localhost\n');
  for (const name of ['server', 'client']) {
    openssl('req', ...curve, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-out',
      `${name}.crt`,
      '-days',
      '2',
      '-extfile',
      'names',
    );
  }
  return true;
}

function placeCertificates(root: string, directory: string): void {
  mkdirSync(directory, { recursive: true });
  execFileSync('cp', [join(root, 'ca.crt'), join(directory, 'ca.crt')]);
  execFileSync('cp', [join(root, 'client.crt'), join(directory, 'client.cert')]);
  execFileSync('cp', [join(root, 'client.key'), join(directory, 'client.key')]);
}
