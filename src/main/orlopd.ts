import { chmodSync, mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { OrlopError, toOrlopError } from '#errors';
import { createLogger } from '#log';
import { parseEngineArguments, usage, type EngineArguments } from './orlopd/arguments.ts';
import { readConfigFile } from './orlopd/config-file.ts';
import { openParts } from './orlopd/parts.ts';
import { planEndpoints, takeServiceManager } from './orlopd/service-manager.ts';
import { loadAddon, removeTree } from '#sys';
import type { ServeArguments } from './registry/arguments.ts';
import { openRegistry } from './registry/open.ts';

const version = process.env['ORLOP_VERSION'] ?? 'development';
const buildId = process.env['ORLOP_BUILD_ID'] ?? 'source';

async function main(argv: readonly string[]): Promise<void> {
  const asked = parseEngineArguments(argv, readConfigFile);
  if (asked.show === 'help') return void process.stdout.write(usage);
  if (asked.show === 'version') return void process.stdout.write(`orlopd version ${version}, build ${buildId}\n`);
  requireRoot();
  // Files that others are to read are made with their modes, whatever the shell was like that we were started from.
  process.umask(0o022);
  const manager = takeServiceManager(process.env, process.pid);
  const logger = createLogger({ level: asked.logLevel, format: manager.logsToJournal ? 'journal' : 'json' });
  const hosts = planEndpoints(asked.hosts, manager.sockets);
  const stopped = asked.embedded ? Promise.race([nextSignal(), endOfInput()]) : nextSignal();
  await using removal = new AsyncDisposableStack();
  await using parts = await openParts({ ...prepareRoots(asked), hosts, version, buildId }, logger);
  await parts.listen();
  const { removeAtEnd } = asked;
  // Carried out last, when nothing below it is open any more, and not by an engine that did not come to serve: what it said is there.
  if (removeAtEnd !== null) removal.defer(() => removeTree(loadAddon(), removeAtEnd));
  await using _registry = asked.registry === null ? null : await openRegistry(registryOf(asked), logger);
  logger.info('ready', { version, buildId, dataRoot: asked.dataRoot, hosts });
  manager.notify(loadAddon(), 'READY=1', logger);
  logger.info('stopping', { signal: await stopped });
  manager.notify(loadAddon(), 'STOPPING=1', logger);
  if (asked.embedded) await parts.clear();
}

/** The flags of `orlop registry serve` that orlopd's one flag stands for. */
function registryOf({ registry, dataRoot }: EngineArguments): ServeArguments {
  const { host, port } = registry ?? { host: '127.0.0.1', port: 0 };
  const open = { htpasswd: null, anonymousPull: false, token: null, tls: null, readOnly: false, sparse: false, proxy: null, policy: null };
  return { verb: 'serve', host, port, root: join(dataRoot, 'registry'), gcEveryMs: 24 * 3_600_000, ...open };
}

function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new OrlopError('permission-denied', 'ORLOPD_NOT_ROOT', 'the engine needs root', { hint: 'run it with sudo' });
}

/** Real paths, so that names that derive from the data root are the same however it was spelled. Others may pass through, not look. */
function prepareRoots(asked: EngineArguments): EngineArguments {
  for (const root of [asked.dataRoot, asked.execRoot]) {
    mkdirSync(root, { recursive: true, mode: 0o711 });
    chmodSync(root, 0o711);
  }
  return { ...asked, dataRoot: realpathSync(asked.dataRoot), execRoot: realpathSync(asked.execRoot) };
}

/** The kernel closes the pipe for a program that is killed. */
function endOfInput(): Promise<string> {
  // What we say about it afterwards has nobody to read it, either.
  process.stderr.on('error', () => {});
  return new Promise((resolve) => {
    for (const event of ['end', 'close', 'error']) process.stdin.once(event, () => resolve('end of standard input'));
    process.stdin.resume();
  });
}

function nextSignal(): Promise<string> {
  // A closed terminal is no reason to stop.
  process.on('SIGHUP', () => {});
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve(signal));
  });
}

try {
  await main(process.argv.slice(2));
  // What is still under way (a removal in the background) has been waited for; sockets of clients must not hold us.
  process.exit(0);
} catch (thrown) {
  const error = toOrlopError(thrown);
  process.stderr.write(`orlopd: ${error.message}\n${error.hint === undefined ? '' : `  ${error.hint}\n`}`);
  if (error.kind === 'internal' && error.cause instanceof Error) process.stderr.write(`${error.cause.stack ?? ''}\n`);
  process.exit(1);
}
