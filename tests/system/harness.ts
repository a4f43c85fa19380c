import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startProgram } from '../clients/programs.ts';
import { readMountinfo } from '#sys';
import { assertNothingLeft, marksOf } from './leaks.ts';

export const projectRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Why system tests cannot run here, or false. For the `skip` option of a suite. */
export function whyNot(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync(join(projectRoot, 'build/bosun')) || !existsSync(join(projectRoot, 'build/orlopd.mjs')))
    return 'needs the build (npm run setup)';
  return false;
}

export interface Outcome {
  /** null: ended by a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program to its end; it is killed after the timeout, which fails the call. */
export async function runCommand(file: string, argv: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  const program = startProgram([file, ...argv], { input: '', timeoutMs: 60_000, ...options });
  const { code, stdout, stderr } = await program.ended;
  const outcome = { code, stdout, stderr };
  if (program.child.killed) throw new Error(`${file} ${argv.join(' ')} did not end: ${JSON.stringify(outcome)}`);
  return outcome;
}

/** Asks until the answer fits; for what an init does in its own time. */
export async function eventually(question: () => Promise<string>, fits: (answer: string) => boolean, patienceMs = 60_000): Promise<string> {
  let answer = '';
  for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await delay(50)) {
    answer = await question();
    if (fits(answer)) return answer;
  }
  throw new Error(`still not so after ${patienceMs} ms, but: ${answer}`);
}

/** An engine of a test's own, in its own temporary roots. Disposing ends its containers and itself, and fails when anything of it is left on the machine. */
export interface TestEngine extends AsyncDisposable {
  readonly root: string;
  readonly dataRoot: string;
  readonly host: string;
  readonly socket: string;
  readonly pid: () => number;
  orlop(...args: string[]): Promise<Outcome>;
  orlopWith(options: CommandOptions, ...args: string[]): Promise<Outcome>;
  /** As `orlop`, but a code other than 0 throws with what was said. */
  must(...args: string[]): Promise<string>;
  /** Starts the command line without waiting. */
  spawn(...args: string[]): ChildProcess;
  /** kill -9 of the engine; resolves when it is gone. */
  kill(): Promise<void>;
  /** Ends the engine as its service manager does; its containers go on. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** What a failed test has left mounted: removing files there would reach what is not the test's. */
async function detachBelow(root: string): Promise<void> {
  for (const { mountPoint } of readMountinfo().toReversed())
    if (mountPoint.startsWith(`${root}/`)) await runCommand('umount', ['--lazy', mountPoint]);
}

/** `dataRoot`: elsewhere than below the engine's own temporary directory, for a disk of its own. `env` is added to the engine's environment, and to nobody else's. */
export async function startEngine(
  flags: readonly string[] = [],
  ownDataRoot?: string,
  env: Readonly<Record<string, string>> = {},
): Promise<TestEngine> {
  const root = mkdtempSync(join(tmpdir(), 'orlop-test-'));
  const socket = join(root, 'orlop.sock');
  const host = `unix://${socket}`;
  const dataRoot = ownDataRoot ?? join(root, 'data');
  const program = join(projectRoot, 'bin/orlop');
  let engine: ChildProcess | null = null;

  const start = async (): Promise<void> => {
    const child = spawn(
      join(projectRoot, 'bin/orlopd'),
      ['--data-root', dataRoot, '--exec-root', join(root, 'exec'), '-H', host, '--pidfile', join(root, 'pid'), ...flags],
      { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } },
    );
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-20_000)));
    engine = child;
    // On an emulated processor that others use as well an engine with containers needs most of a minute.
    for (const deadline = Date.now() + 120_000; ; await delay(10)) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the engine ended at once: ${said}`);
      if ((await runCommand(program, ['-H', host, 'version'])).code === 0) return;
      if (Date.now() > deadline) throw new Error(`the engine does not answer: ${said}`);
    }
  };
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    if (engine === null) return;
    const child = engine;
    engine = null;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'close');
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await closed;
    clearTimeout(timer);
  };
  const orlopWith = (options: CommandOptions, ...args: string[]): Promise<Outcome> => runCommand(program, ['-H', host, ...args], options);

  await start();
  return {
    root,
    dataRoot,
    host,
    socket,
    pid: () => Number(readFileSync(join(root, 'pid'), 'utf8')),
    orlopWith,
    orlop: (...args) => orlopWith({}, ...args),
    async must(...args) {
      const outcome = await orlopWith({ timeoutMs: 240_000 }, ...args);
      if (outcome.code !== 0) throw new Error(`orlop ${args.join(' ')} ended with ${outcome.code}: ${outcome.stderr}${outcome.stdout}`);
      return outcome.stdout.trimEnd();
    },
    spawn: (...args) => spawn(program, ['-H', host, ...args], { stdio: ['pipe', 'pipe', 'pipe'] }),
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    start,
    async [Symbol.asyncDispose]() {
      if (engine !== null) {
        const ids = (await orlopWith({}, 'ps', '-aq', '--no-trunc')).stdout.split('\n').filter((id) => id !== '');
        if (ids.length > 0) await orlopWith({}, 'rm', '-f', ...ids);
      }
      await end('SIGTERM');
      try {
        await assertNothingLeft(marksOf(root, dataRoot));
      } finally {
        await detachBelow(root);
        rmSync(root, { recursive: true, force: true });
      }
    },
  };
}
