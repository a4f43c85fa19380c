import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHttpServer } from '#api/http';
import { dockerHeaders, dockerRoutes, dockerVersions } from '#api/docker';
import { orlopRoutes } from '#api/orlop';
import { createLogger } from '#log';
import { createFakeEngine, type FakeEngine } from '../../src/api/docker/testing/fake-engine.ts';

export interface FakeServer extends AsyncDisposable {
  readonly engine: FakeEngine;
  readonly host: string;
  readonly socketPath: string;
  /** Cuts everything off, as if the engine had been killed. */
  close(): Promise<void>;
}

/** Our whole HTTP edge over an engine in memory, on a socket of its own. */
export async function openFakeServer(): Promise<FakeServer> {
  const directory = await mkdtemp(join(tmpdir(), 'orlop-clients-'));
  const engine = createFakeEngine();
  const server = createHttpServer({
    group: '0',
    tls: null,
    routes: [...dockerRoutes(engine), ...orlopRoutes(engine)],
    logger: createLogger({ level: process.env['ORLOP_TEST_LOG'] === undefined ? 'error' : 'debug' }),
    headers: dockerHeaders('0.1.0'),
    versions: dockerVersions,
  });
  const socketPath = join(directory, 'orlop.sock');
  const host = `unix://${socketPath}`;
  await server.listen(host);
  const close = async (): Promise<void> => {
    await server.close(50);
    await rm(directory, { recursive: true, force: true });
  };
  return { engine, host, socketPath, close, [Symbol.asyncDispose]: close };
}

/** Resolves when the engine has started the container and its client has had an answer. */
export async function started(server: FakeServer, name: string): Promise<void> {
  const stop = new AbortController();
  const isRunning = (): boolean => server.engine.containers.list({}).some((view) => view.name === name);
  const events = server.engine.events({}, stop.signal);
  const seen = (async () => {
    for await (const event of events) if (event.action === 'start' && event.attributes['name'] === name) return;
  })();
  if (!isRunning()) await seen;
  stop.abort();
  await seen;
}
