import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createPlain, type Server } from 'node:http';
import { createServer as createTls } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createRegistryClient, type RegistryClientOptions } from './client.ts';
import { limits } from './testing/against.ts';
import { openServer } from './testing/server.ts';

interface Listening extends AsyncDisposable {
  readonly host: string;
  /** Lines of what was asked. */
  readonly asked: string[];
}

async function listen(server: Server, asked: string[]): Promise<Listening> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A registry with a certificate that nobody vouches for, and that knows no name. */
async function openTlsRegistry(): Promise<Listening> {
  const root = mkdtempSync(join(tmpdir(), 'orlop-tls-'));
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  execFileSync('openssl', ['req', '-x509', ...curve, '-keyout', 'key', '-out', 'crt', '-subj', '/CN=x'], { cwd: root, stdio: 'ignore' });
  const [key, cert] = ['key', 'crt'].map((name) => readFileSync(join(root, name)));
  rmSync(root, { recursive: true });
  const asked: string[] = [];
  const server = createTls({ key, cert }, (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.end('{}');
  });
  return listen(server, asked);
}

/** A proxy that leads every name to one place: tunnels, and plain requests that it answers itself. */
function openProxy(target: string): Promise<Listening> {
  const asked: string[] = [];
  const server = createPlain((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.end('{}');
  });
  server.on('connect', (request, client) => {
    asked.push(`CONNECT ${request.url}`);
    const [host = '', port] = target.split(':');
    const upstream = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.pipe(client);
      client.pipe(upstream);
    });
    for (const socket of [client, upstream]) socket.on('error', () => [client, upstream].forEach((one) => one.destroy()));
    client.on('close', () => upstream.destroy());
  });
  return listen(server, asked);
}

const missing = ((): string | false => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'openssl is not installed (Debian package openssl)';
  }
})();

async function fetchFrom(domain: string, options: RegistryClientOptions): Promise<void> {
  using client = createRegistryClient({ limits, certificateDirectories: [], ...options });
  await client.repository({ domain, path: 'team/app' }).fetchManifest('1');
}

describe('the way to a registry', { skip: missing }, () => {
  test('goes through a tunnel of the proxy for https, and around it for what NO_PROXY names', async () => {
    await using registry = await openTlsRegistry();
    await using proxy = await openProxy(registry.host);
    const settings = { 'registry.invalid': { insecure: true } };
    const env = { HTTPS_PROXY: `http://${proxy.host}` };
    await fetchFrom('registry.invalid', { settings, env });
    assert.deepEqual(new Set(proxy.asked), new Set(['CONNECT registry.invalid:443']));
    assert.deepEqual(registry.asked, ['GET /v2/', 'GET /v2/team/app/manifests/1']);
    proxy.asked.length = 0;
    for (const NO_PROXY of ['registry.invalid', '.invalid', '*'])
      await assert.rejects(fetchFrom('registry.invalid', { settings, env: { ...env, NO_PROXY } }), {
        code: 'REGISTRY_UNREACHABLE',
        message: /its name is not known \(dial tcp: lookup registry\.invalid: no such host\)/,
      });
    assert.deepEqual(proxy.asked, []);
  });

  test('a proxy does not make a stranger trusted', async () => {
    await using registry = await openTlsRegistry();
    await using proxy = await openProxy(registry.host);
    await assert.rejects(fetchFrom('registry.invalid', { env: { https_proxy: `http://${proxy.host}` } }), { code: 'REGISTRY_UNTRUSTED' });
    assert.deepEqual(registry.asked, []);
  });

  test('goes through the proxy for plain HTTP too, once TLS has been tried', async () => {
    await using registry = await openServer((_, response) => response.end('{}'));
    await using proxy = await openProxy(registry.host);
    const env = { HTTP_PROXY: `http://${proxy.host}`, HTTPS_PROXY: `http://${proxy.host}` };
    await fetchFrom('plain.invalid:8000', { settings: { 'plain.invalid:8000': { insecure: true } }, env });
    assert.deepEqual(proxy.asked, [
      'CONNECT plain.invalid:8000',
      'GET http://plain.invalid:8000/v2/',
      'GET http://plain.invalid:8000/v2/team/app/manifests/1',
    ]);
    proxy.asked.length = 0;
    // Without leave it stays at TLS, which that registry does not speak.
    await assert.rejects(fetchFrom('plain.invalid:8000', { env }), { kind: 'unavailable' });
    assert.ok(proxy.asked.every((line) => line.startsWith('CONNECT')));
  });

  test('a registry that nobody vouches for is spoken to where the settings for the prefix allow it, and nowhere else', async () => {
    await using registry = await openTlsRegistry();
    await assert.rejects(fetchFrom(registry.host, {}), { code: 'REGISTRY_UNTRUSTED' });
    await assert.rejects(fetchFrom(registry.host, { settings: { [`${registry.host}/other`]: { insecure: true } } }), {
      code: 'REGISTRY_UNTRUSTED',
    });
    assert.deepEqual(registry.asked, []);
    await fetchFrom(registry.host, { settings: { [`${registry.host}/team`]: { insecure: true } } });
    assert.equal(registry.asked.length, 2);
  });

  test('a prefix is rewritten: the place that stands in for it is asked, with its path', async () => {
    await using registry = await openServer((_, response) => response.end('{}'));
    await fetchFrom('far.invalid', { settings: { 'far.invalid/team': { location: `${registry.host}/near/copies` } } });
    assert.equal(registry.asked.at(-1)?.url, '/v2/near/copies/app/manifests/1');
  });
});
