// Loading and unpacking images beside docker, podman, skopeo with umoci, and GNU tar, and how quickly the engine answers meanwhile:
// node bench/load.ts [--files N] [--rounds N] [--folder DIRECTORY] [--gigabytes N]
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { projectRoot } from '../scripts/rooms.ts';
import { openEngine, prepareRootTar } from './engine.ts';
import { makeManyFiles, makePackedRoot } from './load-archives.ts';
import { type LoadCase, type Loader, openPeers, ourLoader } from './load-peers.ts';
import { timeCommand } from './measure.ts';
import { formatRows, quantile, type Row } from './samples.ts';

const { values: options } = parseArgs({
  options: {
    files: { type: 'string', default: '35000' },
    rounds: { type: 'string', default: '3' },
    folder: { type: 'string', default: '/var/tmp' },
    gigabytes: { type: 'string', default: '14' },
  },
});

/** What one way to load took, a value a round. */
interface Measured {
  readonly ms: number[];
  readonly cpuMs: number[];
  readonly pingMs: number[];
  readonly idlePingMs: number[];
}

/**
 * A new ext4 of so many gigabytes in a file, for all to use. On the host's own, what was deleted before counts: an ext4 without a journal does not take a
 * freed inode again for minutes and searches for another each time.
 */
function mountDisk(parent: string, gigabytes: string): Disposable & { readonly folder: string } {
  const place = mkdtempSync(join(parent, 'orlop-bench-load-'));
  const [image, folder] = [join(place, 'image'), join(place, 'disk')];
  const undo = new DisposableStack();
  undo.defer(() => rmSync(place, { recursive: true, force: true }));
  try {
    execFileSync('fallocate', ['-l', `${gigabytes}G`, image]);
    execFileSync('mkfs.ext4', ['-qF', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image]);
    mkdirSync(folder);
    execFileSync('mount', ['-o', 'loop', image, folder]);
    // Lazily: the peers leave mounts of their own behind, and programs that need a moment to end.
    undo.defer(() => execFileSync('umount', ['-R', '-l', folder]));
    return { folder, [Symbol.dispose]: () => undo.dispose() };
  } catch (error) {
    undo.dispose();
    throw error;
  }
}

/** How long a daemon is asked while nothing happens: what this machine adds to all answers. */
const idleMs = 3000;
const ticksMs = 10;

/** Processor time in ms of our commands that have ended and of a daemon with its ended children (proc_pid_stat(5)). */
function cpuMs(daemon: Loader['daemon']): number {
  const fields = (pid: number | 'self'): number[] =>
    readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
      .slice(11, 15)
      .map(Number);
  const [, , user = 0, system = 0] = fields('self');
  const own = daemon === null ? 0 : fields(daemon.pid).reduce((sum, ticks) => sum + ticks, 0);
  return (user + system + own) * ticksMs;
}

async function measureOne({ daemon, load, undo }: Loader, of: LoadCase, into: Measured): Promise<void> {
  // What one leaves to be written must not be another's wait.
  timeCommand(['sync']);
  const before = cpuMs(daemon);
  into.ms.push(timeCommand(load(of)));
  into.cpuMs.push(cpuMs(daemon) - before);
  timeCommand(undo(of));
}

/** What a daemon takes to answer while something happens. Never while the figures above are taken, for asking costs too. */
async function pingWhile(socket: string, work: () => Promise<unknown>): Promise<number[]> {
  const pinger = spawn(process.execPath, [join(import.meta.dirname, 'ping.ts'), socket], { stdio: ['pipe', 'pipe', 'inherit'] });
  const said = text(pinger.stdout);
  await work();
  pinger.stdin.end();
  return JSON.parse(await said) as number[];
}

async function measurePings({ daemon, load, undo }: Loader, of: LoadCase, into: Measured): Promise<void> {
  if (daemon === null) return;
  into.idlePingMs.push(...(await pingWhile(daemon.socket, () => delay(idleMs))));
  const [file = '', ...args] = load(of);
  into.pingMs.push(...(await pingWhile(daemon.socket, () => once(spawn(file, args, { stdio: 'ignore' }), 'exit'))));
  timeCommand(undo(of));
}

const p99 = (values: readonly number[]): number[] => (values.length > 0 ? [quantile(values, 0.99)] : []);

async function measureCase(of: LoadCase, loaders: readonly Loader[], rounds: number): Promise<Row[]> {
  const all = loaders.map((loader) => ({ loader, measured: { ms: [], cpuMs: [], pingMs: [], idlePingMs: [] } as Measured }));
  for (let round = 0; round < rounds; round += 1) {
    for (const { loader, measured } of all) await measureOne(loader, of, measured);
  }
  for (const { loader, measured } of all) await measurePings(loader, of, measured);
  const megabytes = statSync(of.archive).size / 1e6;
  const series = (values: (of: Measured) => readonly number[]) =>
    all.map(({ loader, measured }) => ({ who: loader.who, values: values(measured) })).filter((one) => one.values.length > 0);
  const work = `load ${of.what}, ${megabytes.toFixed(0)} MB`;
  return [
    { work, unit: 'ms', budget: '>= 1.5x', series: series(({ ms }) => ms) },
    { work: '', unit: 'MB/s', budget: '', series: series(({ ms }) => ms.map((one) => megabytes / (one / 1000))) },
    { work: 'user + sys', unit: 'ms', budget: '', series: series((one) => one.cpuMs) },
    { work: '_ping meanwhile, p99', unit: 'ms', budget: '< 20 ms', series: series(({ pingMs }) => p99(pingMs)) },
    { work: '_ping when idle, p99', unit: 'ms', budget: '', series: series(({ idlePingMs }) => p99(idlePingMs)) },
  ];
}

using disk = mountDisk(options.folder, options.gigabytes);
const cases = [makePackedRoot(disk.folder, prepareRootTar()), makeManyFiles(disk.folder, Number(options.files))];
process.env['TMPDIR'] = disk.folder;
{
  await using engine = await openEngine(null, disk.folder);
  await using peers = await openPeers(disk.folder);
  process.stdout.write(`on ${disk.folder}, a new ext4; ${projectRoot}\n`);
  for (const of of cases) {
    const rows = await measureCase(of, [ourLoader(engine), ...peers.loaders], Number(options.rounds));
    process.stdout.write(`${formatRows(rows)}\n\n`);
  }
}
