import { Socket } from 'node:net';
import { openDirectoryStorage } from '#api/registry';
import { toOrlopError } from '#errors';
import { createLogger } from '#log';
import { parseRegistryArguments, type CheckArguments, type CollectArguments, type ServeArguments } from './registry/arguments.ts';
import { askOwner, takeRoot } from './registry/control.ts';
import { openRegistry, readPolicy } from './registry/open.ts';

const uploadIdleMs = 24 * 3_600_000;

async function main(argv: readonly string[]): Promise<number> {
  const asked = parseRegistryArguments(argv);
  if (asked.verb === 'serve') return await serve(asked);
  return asked.verb === 'gc' ? await collect(asked) : await check(asked);
}

async function serve(asked: ServeArguments): Promise<number> {
  const logger = createLogger();
  const stopped = nextStop();
  await using registry = await openRegistry(asked, logger);
  logger.info('ready', { host: asked.host, port: registry.port, root: asked.root, tls: asked.tls !== null, readOnly: asked.readOnly });
  logger.info('stopping', { because: await stopped });
  return 0;
}

/** A signal, or the end of the command line that started us and holds the other end of a pipe. */
function nextStop(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => resolve(signal));
    const lifeline = process.env['ORLOP_LIFELINE'];
    if (lifeline === undefined) return;
    // Not a stream of node:fs: its blocked thread would be waited for at the end.
    const pipe = new Socket({ fd: Number(lifeline), readable: true, writable: false });
    pipe.on('error', () => resolve('the end of orlop')).on('close', () => resolve('the end of orlop'));
    pipe.resume();
  });
}

/** Whoever serves the root does the work, since it knows what is being pushed; otherwise we do. */
async function collect({ root, policy, ...wanted }: CollectArguments): Promise<number> {
  let report = await askOwner(root, wanted);
  if (report === null) {
    const { expire } = await readPolicy(policy);
    await using _control = await takeRoot(root);
    await using storage = await openDirectoryStorage({ root });
    report = await storage.collect({ ...wanted, uploadIdleMs, expire });
  }
  process.stdout.write(`${JSON.stringify(report)}\n`);
  return 0;
}

async function check({ root }: CheckArguments): Promise<number> {
  await using _control = await takeRoot(root);
  await using storage = await openDirectoryStorage({ root });
  const { problems, ...counts } = await storage.check();
  process.stdout.write(`${JSON.stringify(counts)}\n`);
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  return problems.length === 0 ? 0 : 1;
}

try {
  process.exit(await main(process.argv.slice(2)));
} catch (thrown) {
  const error = toOrlopError(thrown);
  process.stderr.write(`orlop registry: ${error.message}\n${error.hint === undefined ? '' : `  ${error.hint}\n`}`);
  process.exit(error.kind === 'invalid-argument' ? 125 : 1);
}
