import type { Client } from '#client';
import { OrlopError } from '#errors';
import type { DockerExecCreate } from '#wire';
import { sleep, throwIfAborted } from './abort.ts';
import { createProcess, feed, type Input, type Process } from './process.ts';

export interface SpawnOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly workingDirectory?: string;
  /** Its streams are a terminal: all output is stdout. */
  readonly terminal?: boolean;
  /** It reads what is written to it; else its standard input is empty. */
  readonly stdin?: boolean;
  readonly privileged?: boolean;
  /** Dropped as it comes. */
  readonly ignore?: 'stdout' | 'stderr';
  /** Kills the process. */
  readonly signal?: AbortSignal;
}

export interface ExecOptions extends Omit<SpawnOptions, 'stdin' | 'ignore'> {
  /** What the command reads. */
  readonly input?: Input;
  /** A command that fails rejects, with what it said. */
  readonly check?: boolean;
}

/** What a command came to. */
export interface ExecResult {
  readonly exitCode: number;
  /** As UTF-8. */
  readonly stdout: string;
  readonly stderr: string;
}

/** More output is no result but a stream. */
const largestOutput = 64 * 1024 * 1024;

/** Starts one more process in a running container. A command that cannot be executed ends with 126 or 127. */
export async function spawnIn(client: Client, container: string, command: readonly string[], options: SpawnOptions): Promise<Process> {
  const { execs } = client;
  const { signal, terminal = false } = options;
  throwIfAborted(signal);
  const id = await execs.create(container, bodyOf(command, options));
  const streams = await execs.start(id, { terminal });
  const kill = (name?: string): Promise<void> => execs.kill(id, name);
  return createProcess({
    streams,
    exitCode: () => exitCodeOf(client, id, signal),
    resize: (rows, columns) => execs.resize(id, rows, columns),
    kill,
    // It may have ended by itself.
    abandon: () => kill().catch(() => undefined),
    ignore: options.ignore,
    signal,
  });
}

function bodyOf(command: readonly string[], options: SpawnOptions): DockerExecCreate {
  const { env, user, workingDirectory, terminal = false, stdin = false, privileged } = options;
  return {
    Cmd: [...command],
    Tty: terminal,
    AttachStdin: stdin,
    AttachStdout: true,
    AttachStderr: true,
    ...(env === undefined ? {} : { Env: Object.entries(env).map(([name, value]) => `${name}=${value}`) }),
    ...(user === undefined ? {} : { User: user }),
    ...(workingDirectory === undefined ? {} : { WorkingDir: workingDirectory }),
    ...(privileged === undefined ? {} : { Privileged: privileged }),
  };
}

/** A process may close its output and run on. */
async function exitCodeOf({ execs }: Client, id: string, signal: AbortSignal | undefined): Promise<number> {
  for (let waitMs = 5; ; waitMs = Math.min(2 * waitMs, 500)) {
    const { ExitCode: code, Running: running } = await execs.inspect(id);
    if (code !== null) return code;
    if (!running) throw new OrlopError('internal', 'LIBRARY_EXIT_UNKNOWN', 'how the process ended is not known');
    await sleep(waitMs, signal);
  }
}

/** Follows a process to its end with all that it says. */
export async function collectResult(process: Process, { input, check = false }: ExecOptions, what: string): Promise<ExecResult> {
  const feeding = feed(process, input);
  const [stdout, stderr, exitCode] = await Promise.all([textOf(process.stdout), textOf(process.stderr), process.exit, feeding]);
  if (!check || exitCode === 0) return { exitCode, stdout, stderr };
  const said = stderr.trim() === '' ? stdout.trim() : stderr.trim();
  throw new OrlopError(
    'failed-precondition',
    'LIBRARY_COMMAND_FAILED',
    `${what} ended with ${exitCode}${said === '' ? '' : `: ${said.slice(-2000)}`}`,
    {
      details: { exitCode },
    },
  );
}

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of stream) {
    text += decoder.decode(piece, { stream: true });
    if (text.length > largestOutput)
      throw new OrlopError('resource-exhausted', 'LIBRARY_TOO_MUCH_OUTPUT', 'the command says more than a result can hold', {
        hint: 'read its streams: spawn',
      });
  }
  return text + decoder.decode();
}
