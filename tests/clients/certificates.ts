import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A CA, and signed by it `server` for localhost and `client`: `ca.crt`, `server.crt`, `server.key`, … in this directory. */
export function makeCertificates(root: string): void {
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
}

/** As a client's `certs.d` has them. */
export function placeCertificates(root: string, directory: string): void {
  mkdirSync(directory, { recursive: true });
  execFileSync('cp', [join(root, 'ca.crt'), join(directory, 'ca.crt')]);
  execFileSync('cp', [join(root, 'client.crt'), join(directory, 'client.cert')]);
  execFileSync('cp', [join(root, 'client.key'), join(directory, 'client.key')]);
}
