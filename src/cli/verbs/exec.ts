import type { DockerExecCreate } from '#wire';
import type { Client } from '#client';
import { OrlopError } from '#errors';
import { usageError, wrongWords } from '../arguments/usage-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write, type Io } from '../io.ts';
import { enterRawMode } from '../terminal/raw-mode.ts';
import { requireTerminal } from '../terminal/require.ts';
import { runSession } from '../terminal/session.ts';
import { followSize, terminalSize, type TerminalSize } from '../terminal/size.ts';
import { readDetachKeys } from '../values/detach-keys.ts';
import { readEnvironment } from '../values/environment.ts';
import { execMany, planMany } from './exec-many.ts';

export const exec: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const many = planMany(args.positionals, args.flag('all'));
  const [ref = '', ...command] = args.positionals;
  if (many === null && command.length === 0) throw wrongWords('"orlop exec" requires at least 2 arguments', invocation.command);
  if (many === null && args.has('parallel')) throw usageError('--parallel is for several containers', invocation.command);
  const terminal = args.flag('tty');
  const detach = args.flag('detach');
  const stdin = args.flag('interactive') && !detach;
  const detachKeys = await readDetachKeys(args, io);
  if (stdin) requireTerminal(io, terminal);
  const size = terminal ? terminalSize(io.stdout) : undefined;
  const user = args.text('user');
  const workingDirectory = args.text('workdir');
  const body: DockerExecCreate = {
    Cmd: command,
    Tty: terminal,
    AttachStdin: stdin,
    AttachStdout: !detach,
    AttachStderr: !detach,
    Env: await readEnvironment(args.list('env-file'), args.list('env'), io.env),
    Privileged: args.flag('privileged'),
    ...(detachKeys === '' ? {} : { DetachKeys: detachKeys }),
    ...(user === undefined ? {} : { User: user }),
    ...(workingDirectory === undefined ? {} : { WorkingDir: workingDirectory }),
    ...(size === undefined ? {} : { ConsoleSize: [size.rows, size.columns] }),
  };
  if (many !== null) return execMany(invocation, many, body);
  const engine = await client();
  const id = await engine.execs.create(ref, body);
  if (detach) {
    await engine.execs.startDetached(id);
    return exitCodes.ok;
  }
  return joinExec(engine, io, { id, terminal, stdin, detachKeys });
};

interface JoinOptions {
  readonly id: string;
  readonly terminal: boolean;
  readonly stdin: boolean;
  readonly detachKeys: string;
}

/** Carries an exec from its start to its end; resolves with its exit code. */
export async function joinExec(engine: Client, io: Io, { id, terminal, stdin, detachKeys }: JoinOptions): Promise<number> {
  {
    const alive = Promise.withResolvers<void>();
    // A size of the window that comes before the process lives is kept for it.
    const resize = ({ rows, columns }: TerminalSize): Promise<void> => alive.promise.then(() => engine.execs.resize(id, rows, columns));
    using _size = terminal ? followSize(io.stdout, resize) : null;
    const size = terminal ? terminalSize(io.stdout) : undefined;
    const joined = await engine.execs.start(id, { terminal, consoleSize: size === undefined ? undefined : [size.rows, size.columns] });
    alive.resolve();
    using _raw = terminal && stdin ? enterRawMode(io.stdin) : null;
    if ((await runSession(joined, io, { stdin, detachKeys })) === 'detached') {
      await write(io.stderr, 'detached: the process keeps running\r\n');
      return exitCodes.ok;
    }
  }
  const { ExitCode: code, Running: running } = await engine.execs.inspect(id);
  if (code !== null) return code;
  throw new OrlopError(
    'internal',
    'CLI_EXIT_UNKNOWN',
    running ? 'the process closed its output and runs on' : 'how the process ended is not known',
  );
}
