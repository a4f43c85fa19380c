import { readFile } from 'node:fs/promises';
import { compare } from 'bcryptjs';
import {
  createHtpasswd,
  createMirror,
  createPolicy,
  createRegistryServer,
  createTokenAuthenticator,
  openDirectoryStorage,
  parsePolicyConfig,
  type Authenticator,
  type Policy,
} from '#api/registry';
import type { Logger } from '#log';
import { parseJson } from '#oci';
import { createRegistryClient } from '#registry';
import type { ServeArguments } from './arguments.ts';
import { takeRoot } from './control.ts';
import { createUpstream, upstreamSettings } from './upstream.ts';

export interface OpenRegistry extends AsyncDisposable {
  readonly port: number;
}

const uploadIdleMs = 24 * 3_600_000;
const graceMs = 3_600_000;
const maxPolicyBytes = 1 << 20;

/** Opens the registry's parts and serves; disposing answers what is under way and closes them. */
export async function openRegistry(asked: ServeArguments, logger: Logger): Promise<OpenRegistry> {
  await using undo = new AsyncDisposableStack();
  const policy = await readPolicy(asked.policy);
  const authenticator = await openAuthenticator(asked);
  const tls = asked.tls === null ? {} : { tls: await readCertificates(asked.tls) };
  const control = undo.use(await takeRoot(asked.root));
  const storage = undo.use(await openDirectoryStorage({ root: asked.root }));
  const { proxy } = asked;
  const client = proxy === null ? null : undo.use(createRegistryClient({ settings: upstreamSettings(proxy), env: process.env, logger }));
  const mirror =
    client === null || proxy === null ? {} : { mirror: createMirror({ storage, upstream: createUpstream(client, proxy), logger }) };
  const server = undo.use(
    createRegistryServer({
      storage,
      logger,
      policy,
      readOnly: asked.readOnly,
      sparse: asked.sparse,
      ...(authenticator === null ? {} : { authenticator }),
      ...tls,
      ...mirror,
    }),
  );
  control.answer((wanted) => server.collect({ ...wanted, uploadIdleMs }));
  undo.use(collectRegularly(asked.gcEveryMs, () => server.collect({ graceMs, untagged: false, dryRun: false, uploadIdleMs }), logger));
  const port = await server.listen(asked.host, asked.port);
  const held = undo.move();
  return { port, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

async function readCertificates({ cert, key, clientCa }: NonNullable<ServeArguments['tls']>) {
  const clients = clientCa === null ? {} : { clientCa: await readFile(clientCa, 'utf8') };
  return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8'), ...clients };
}

/** No rules without a file. Fails with what `parsePolicyConfig` fails with. */
export async function readPolicy(path: string | null): Promise<Policy> {
  if (path === null) return createPolicy({});
  return createPolicy(parsePolicyConfig(parseJson(await readFile(path), { name: path, maxBytes: maxPolicyBytes })));
}

async function openAuthenticator({ htpasswd, token, anonymousPull }: ServeArguments): Promise<Authenticator | null> {
  if (htpasswd !== null) return await createHtpasswd({ file: htpasswd, compare, realm: 'orlop registry', anonymousPull });
  return token === null ? null : createTokenAuthenticator({ ...token, keys: await readFile(token.key, 'utf8') });
}

function collectRegularly(everyMs: number, collect: () => Promise<unknown>, logger: Logger): Disposable {
  if (everyMs === 0) return { [Symbol.dispose]: () => undefined };
  const timer = setInterval(() => {
    collect().catch((error: unknown) => logger.error('garbage collection failed', { error }));
  }, everyMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
