import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../system/harness.ts';
import { makeCertificates, placeCertificates } from './certificates.ts';
import { htpasswd } from './debian-registry.ts';
import { findProgram } from './engine-home.ts';
import { startProgram } from './programs.ts';
import type { TokenServer } from './token-server.ts';

export interface OwnRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` or, with TLS, `localhost:PORT`. */
  readonly host: string;
  /** A `certs.d` for clients of a registry with TLS. */
  readonly certificates: string;
}

export interface OwnRegistryOptions {
  /** Lets in `user` of debian-registry.ts only. */
  readonly users?: boolean;
  readonly tls?: boolean;
  readonly tokens?: TokenServer;
}

/** Why a registry with TLS cannot be run here, or false. */
export function whyNoOpenssl(): string | false {
  return findProgram('openssl') === null && 'openssl is not installed (Debian package openssl)';
}

/** `orlop registry serve` on a port of its own, its data in a temporary directory. */
export async function openOwnRegistry({ users = false, tls = false, tokens }: OwnRegistryOptions = {}): Promise<OwnRegistry> {
  const root = mkdtempSync(join(tmpdir(), 'orlop-own-registry-'));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rmSync(root, { recursive: true, force: true }));
  const at = (name: string): string => join(root, name);
  if (tls) makeCertificates(root);
  writeFileSync(at('htpasswd'), htpasswd);
  const flags = [
    ...(users ? ['--htpasswd', at('htpasswd')] : []),
    ...(tls ? ['--tls-cert', at('server.crt'), '--tls-key', at('server.key')] : []),
    ...(tokens === undefined ? [] : tokenFlags(tokens)),
  ];
  const program = [process.execPath, join(projectRoot, 'src/main/registry.ts')];
  const server = startProgram([...program, 'serve', '--addr', '127.0.0.1:0', '--root', at('data'), ...flags], { timeoutMs: 300_000 });
  undo.defer(async () => {
    server.child.kill('SIGTERM');
    await server.ended;
  });
  await server.said('"port":');
  const port = /"port":(\d+)/.exec(`${server.heard.stdout}${server.heard.stderr}`)?.[1];
  const host = `${tls ? 'localhost' : '127.0.0.1'}:${port}`;
  const certificates = at('certs.d');
  if (tls) placeCertificates(root, join(certificates, host));
  const kept = undo.move();
  return { host, certificates, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

function tokenFlags({ realm, service, issuer, certificate }: TokenServer): string[] {
  return ['--token-realm', realm, '--token-service', service, '--token-issuer', issuer, '--token-key', certificate];
}
