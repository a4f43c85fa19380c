import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningProgram {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<ProgramEnd>;
  /** What it has printed so far. */
  readonly heard: { readonly stdout: string; readonly stderr: string };
  /** Resolves once the text has been printed, on either stream; rejects when the program ends before. */
  said(text: string): Promise<void>;
}

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Where it runs; here unless told otherwise. */
  readonly cwd?: string;
  /** All of its input; left out: open until the caller ends it. */
  readonly input?: string | Uint8Array;
  /** It is killed then (half a minute unless told otherwise), so that a test that goes wrong ends. */
  readonly timeoutMs?: number;
}

/** The command line under test: the sources, or the program that ORLOP_TEST_CLI names. */
export const orlopCommand: readonly string[] =
  process.env['ORLOP_TEST_CLI'] === undefined
    ? [process.execPath, '--', fileURLToPath(new URL('../../src/main/orlop.ts', import.meta.url))]
    : [process.env['ORLOP_TEST_CLI']];

/** Starts a program. */
export function startProgram([file = '', ...words]: readonly string[], options: ProgramOptions = {}): RunningProgram {
  const child = spawn(file, words, {
    env: { ...process.env, ...options.env },
    cwd: options.cwd,
    timeout: options.timeoutMs ?? 30_000,
    killSignal: 'SIGKILL',
  });
  const heard = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      heard[name] += text;
      for (const listener of listeners) listener();
    });
  }
  // A program may end without reading all that it is given.
  child.stdin.on('error', () => undefined);
  if (options.input !== undefined) child.stdin.end(options.input);
  const ended = new Promise<ProgramEnd>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...heard }));
  });
  const said = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!`${heard.stdout}${heard.stderr}`.includes(text)) return;
        listeners.delete(look);
        resolve();
      };
      listeners.add(look);
      look();
      void ended.then(({ code }) =>
        reject(new Error(`ended with ${code} before it said ${JSON.stringify(text)}: ${heard.stdout}${heard.stderr}`)),
      );
    });
  return { child, ended, heard, said };
}

/** Runs a program to its end. */
export function runProgram(command: readonly string[], options: ProgramOptions = {}): Promise<ProgramEnd> {
  return startProgram(command, { input: '', ...options }).ended;
}

/** The same inside a terminal of its own (script(1)); what it prints, and its terminal's echo, arrive on stdout. */
export function startInTerminal(shellCommand: string, options: ProgramOptions = {}): RunningProgram {
  return startProgram(['script', '-qefc', shellCommand, '/dev/null'], options);
}

export function quote(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
}
