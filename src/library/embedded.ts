import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { connect as connectClient, type Client } from '#client';
import { isOrlopError, OrlopError } from '#errors';
import { cancelled, sleep, throwIfAborted } from './abort.ts';
import { createEngine, type Engine } from './engine.ts';

export interface OpenOptions {
  /** Where its images, volumes and containers are kept: images and volumes are there the next time. A temporary directory, which goes at the end, without it. */
  readonly directory?: string;
  /** `native` copies whole images, for file systems that overlayfs cannot stand on. */
  readonly storageDriver?: 'overlay' | 'native';
  /** How many containers' worth of preparation is kept ready; 4 without it. */
  readonly sandboxesReady?: number;
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error';
  readonly signal?: AbortSignal;
}

/**
 * An engine of this program's own. It is a process that ends with this program, however that ends, and removes its containers and networks then. Closing waits
 * until they are gone; a program that has nothing else to do need not close it.
 */
export interface EmbeddedEngine extends Engine {
  readonly directory: string;
  /** Where the engine says what it does. */
  readonly logFile: string;
  /** Of the engine. */
  readonly pid: number;
}

/** The package's own folder, from where this file lies in it: src/library or build/library. */
const home = fileURLToPath(new URL('../..', import.meta.url));
const oldestNode = [24, 15] as const;
const startTimeoutMs = 60_000;

/**
 * Starts an engine of this program's own, and resolves when it answers. permission-denied without root; failed-precondition when the package was not built, has
 * no Node to run the engine with, or the directory is in use; otherwise with what the engine said.
 */
export async function openEngine(options: OpenOptions = {}): Promise<EmbeddedEngine> {
  const { signal } = options;
  throwIfAborted(signal);
  requireRoot();
  const environment = environmentOf();
  const directory = options.directory === undefined ? await mkdtemp(join(tmpdir(), 'orlop-')) : resolve(options.directory);
  const isTemporary = options.directory === undefined;
  mkdirSync(directory, { recursive: true, mode: 0o711 });
  const host = `unix://${directory}/exec/orlop.sock`;
  const logFile = join(directory, 'orlopd.log');
  const flags = flagsOf(directory, host, options, isTemporary);
  const start = (held: boolean): ChildProcess => startEngine(flags, environment, logFile, held);
  const child = start(true);
  const client = connectClient({ host });
  try {
    await untilReady(client, child, directory, signal);
  } catch (error) {
    client.close();
    await end(child);
    if (isTemporary) rmSync(directory, { recursive: true, force: true });
    throw error;
  }
  (child.stdin as Partial<{ unref(): void }> | null)?.unref?.();
  child.unref();
  const engine = createEngine(client, null, async () => {
    client.close();
    await end(child);
    // What an engine leaves behind that was killed by others, the next one over the same directory finds and removes.
    if (child.exitCode !== 0) await end(start(false));
    if (isTemporary && existsSync(directory)) throw notCleared(directory);
  });
  return { ...engine, directory, logFile, pid: child.pid ?? 0 };
}

function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new OrlopError('permission-denied', 'LIBRARY_NOT_ROOT', "an engine of a program's own needs root", {
    hint: 'run the program with sudo, or connect to an engine that runs',
  });
}

function flagsOf(directory: string, host: string, options: OpenOptions, isTemporary: boolean): string[] {
  const { storageDriver, sandboxesReady, logLevel } = options;
  return [
    '--embedded',
    `--data-root=${join(directory, 'data')}`,
    `--exec-root=${join(directory, 'exec')}`,
    `--host=${host}`,
    `--pidfile=${pidFileIn(directory)}`,
    ...(isTemporary ? ['--remove-at-end', directory] : []),
    ...(storageDriver === undefined ? [] : ['--storage-driver', storageDriver]),
    ...(sandboxesReady === undefined ? [] : ['--sandboxes', String(sandboxesReady)]),
    ...(logLevel === undefined ? [] : ['--log-level', logLevel]),
  ];
}

/** In a session of its own, so that what a terminal sends to this program does not reach it first. `held`: it ends with us; else at once. */
function startEngine(flags: readonly string[], env: NodeJS.ProcessEnv, logFile: string, held: boolean): ChildProcess {
  const log = openSync(logFile, 'a', 0o600);
  try {
    return spawn(join(home, 'bin/orlopd'), flags, { detached: true, stdio: [held ? 'pipe' : 'ignore', log, log], env });
  } finally {
    closeSync(log);
  }
}

function pidFileIn(directory: string): string {
  return join(directory, 'orlopd.pid');
}

/** Whoever answers may be another engine in the same directory: ours has written its number. */
function isOurs(child: ChildProcess, directory: string): boolean {
  return readFileSync(pidFileIn(directory), 'utf8').trim() === String(child.pid);
}

async function untilReady(client: Client, child: ChildProcess, directory: string, signal: AbortSignal | undefined): Promise<void> {
  const logFile = join(directory, 'orlopd.log');
  let failure: Error | null = null;
  child.once('error', (error) => (failure = error));
  for (const deadline = Date.now() + startTimeoutMs; ; await sleep(5, signal)) {
    if (failure !== null)
      throw new OrlopError('failed-precondition', 'LIBRARY_NO_ENGINE', 'the engine could not be started', { cause: failure });
    if (hasEnded(child)) throw refused(logFile);
    try {
      await client.ping();
      if (isOurs(child, directory)) return;
    } catch (error) {
      if (!isOrlopError(error, 'unavailable')) throw error;
    }
    if (signal?.aborted === true) throw cancelled(signal);
    if (Date.now() > deadline)
      throw new OrlopError('deadline-exceeded', 'LIBRARY_NO_ENGINE', `the engine does not answer; it says why in ${logFile}`);
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** With what it said last; each line of its log but the last ones is JSON or the like. */
function refused(logFile: string): OrlopError {
  const said = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-4).join('\n');
  return new OrlopError('failed-precondition', 'LIBRARY_NO_ENGINE', `the engine did not start: ${said.replace(/^orlopd: /, '')}`);
}

/** Its input ends, and with it the engine; resolves when it has. */
function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (hasEnded(child) || child.pid === undefined) return resolve();
    child.ref();
    child.once('exit', () => resolve());
    child.stdin?.end();
  });
}

function notCleared(directory: string): OrlopError {
  return new OrlopError('internal', 'LIBRARY_NOT_CLEARED', `the engine could not remove all that it made in ${directory}`, {
    hint: `its log is there: ${directory}/orlopd.log`,
  });
}

/** The launcher takes the Node that the set-up chose; in a package that was installed there is none, so one is looked for here. */
function environmentOf(): NodeJS.ProcessEnv {
  if (!existsSync(join(home, 'build/orlopd.mjs')) || !existsSync(join(home, 'build/bosun')))
    throw new OrlopError('failed-precondition', 'LIBRARY_NOT_BUILT', `the engine is not built in ${home}`, {
      hint: 'run "npm run build" there',
    });
  if ((process.env['ORLOP_NODE'] ?? '') !== '' || existsSync(join(home, 'build/node'))) return process.env;
  const found = findNode();
  return found === null ? process.env : { ...process.env, ORLOP_NODE: found };
}

/** null: the launcher looks in the path, and says what it needs. */
function findNode(): string | null {
  const { node = '0', bun, deno } = process.versions as Partial<Record<string, string>>;
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const isNewEnough = major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]);
  if (bun === undefined && deno === undefined && isNewEnough) return process.execPath;
  try {
    const found = join(createRequire(import.meta.url).resolve(`node-linux-${process.arch}/package.json`), '../bin/node');
    return existsSync(found) ? found : null;
  } catch {
    // It was not installed.
    return null;
  }
}
