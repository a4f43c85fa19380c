import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { projectRoot } from '../scripts/rooms.ts';
import { timeCommand } from './measure.ts';

export const image = 'debian:trixie';

/** An engine of our own on roots that nobody else uses; disposal ends it and removes all that it made. */
export interface BenchEngine extends AsyncDisposable {
  readonly pid: number;
  readonly socket: string;
  readonly dataRoot: string;
  /** A whole command line that talks to this engine. */
  orlop(...args: readonly string[]): string[];
}

/** A Debian root file system as one tar, for every engine the same: made once with mmdebstrap and kept under build/. */
export function prepareRootTar(): string {
  const tar = join(projectRoot, 'build/bench/debian-trixie.tar');
  if (existsSync(tar)) return tar;
  mkdirSync(join(projectRoot, 'build/bench'), { recursive: true });
  const { status, stderr } = spawnSync('mmdebstrap', ['--variant=minbase', 'trixie', tar], { encoding: 'utf8' });
  if (status === 0) return tar;
  rmSync(tar, { force: true });
  throw new Error(`mmdebstrap could not make the image: ${stderr.trim().split('\n').at(-1)}`);
}

/** Starts it and imports the image, if one is given. /var/tmp, because layers want a real file system. */
export async function openEngine(tar: string | null, parent = '/var/tmp'): Promise<BenchEngine> {
  const folder = mkdtempSync(join(parent, 'orlop-bench-'));
  const socket = join(folder, 'orlop.sock');
  const dataRoot = join(folder, 'data');
  const roots = ['--data-root', dataRoot, '--exec-root', join(folder, 'exec'), '--pidfile', join(folder, 'pid')];
  const log = join(folder, 'log');
  const file = openSync(log, 'a');
  const child = spawn(join(projectRoot, 'bin/orlopd'), [...roots, '-H', `unix://${socket}`], { stdio: ['ignore', file, file] });
  const orlop = (...args: readonly string[]): string[] => [join(projectRoot, 'bin/orlop'), '-H', `unix://${socket}`, ...args];
  const engine: BenchEngine = { pid: child.pid ?? 0, socket, dataRoot, orlop, [Symbol.asyncDispose]: () => close(engine, child, folder) };
  try {
    await untilReady(child, engine, log);
    if (tar !== null) timeCommand(orlop('import', tar, image));
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
  return engine;
}

async function untilReady(child: ChildProcess, engine: BenchEngine, log: string): Promise<void> {
  const [command = '', ...args] = engine.orlop('version');
  for (const deadline = Date.now() + 20_000; Date.now() < deadline && child.exitCode === null; await delay(20)) {
    if (existsSync(engine.socket) && spawnSync(command, args, { stdio: 'ignore' }).status === 0) return;
  }
  throw new Error(
    `the engine does not answer; its log ends with:\n${readFileSync(log, 'utf8').trimEnd().split('\n').slice(-5).join('\n')}`,
  );
}

async function close(engine: BenchEngine, child: ChildProcess, folder: string): Promise<void> {
  const [command = '', ...args] = engine.orlop('ps', '-aq');
  const ids = (spawnSync(command, args, { encoding: 'utf8' }).stdout ?? '').split('\n').filter(Boolean);
  if (ids.length > 0) spawnSync(command, engine.orlop('rm', '-f', ...ids).slice(1), { stdio: 'ignore' });
  const ended = child.exitCode === null ? new Promise((resolve) => child.once('exit', resolve)) : null;
  child.kill('SIGTERM');
  await ended;
  rmSync(folder, { recursive: true, force: true });
}
