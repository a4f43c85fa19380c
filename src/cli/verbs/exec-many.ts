import type { DockerExecCreate } from '#wire';
import type { Client } from '#client';
import { toOrlopError } from '#errors';
import { usageError, wrongWords } from '../arguments/usage-error.ts';
import { exitCodeOf, exitCodes } from '../exit-codes.ts';
import type { Invocation } from '../invocation.ts';
import { write, type Io } from '../io.ts';
import { prefixedOutput, prefixesOf } from '../render/prefixed.ts';
import { meansMany, selectContainers } from '../values/selection.ts';

const usuallyAtOnce = 16;

export interface ManyPlan {
  /** Names and patterns; none: all that run. */
  readonly words: readonly string[];
  readonly command: readonly string[];
}

/** Whether a command is for several containers, and which; null: for the one that the first word names, as with Docker. Pure. */
export function planMany(positionals: readonly string[], all: boolean): ManyPlan | null {
  const [first = '', ...rest] = positionals;
  if (!all && !meansMany(first)) return null;
  const words = all ? [] : first.split(',').filter((word) => word !== '');
  const command = all ? positionals : rest;
  return { words, command: command[0] === '--' ? command.slice(1) : command };
}

/** Runs the same in all of them, side by side. The code is the largest of theirs; 1 where it could not be run at all. */
export async function execMany(
  { args, io, client, command }: Invocation,
  plan: ManyPlan,
  body: Omit<DockerExecCreate, 'Cmd'>,
): Promise<number> {
  for (const flag of ['interactive', 'tty'])
    if (args.flag(flag)) throw usageError(`--${flag} is for one container: several have neither input nor terminal`, command);
  if (plan.command.length === 0) throw wrongWords(`"orlop ${command.name}" needs a command behind the containers`, command);
  const atOnce = args.integer('parallel') ?? usuallyAtOnce;
  if (atOnce < 1) throw usageError('--parallel must be 1 or more', command);
  const engine = await client();
  const names = await selectContainers(engine, plan.words, { all: plan.words.length === 0, running: true });
  const prefixes = prefixesOf(names);
  const waiting = [...names];
  const codes: number[] = [];
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift())
      codes.push(
        await runOne(engine, io, {
          name,
          prefix: prefixes.get(name) ?? '',
          body: { ...body, Cmd: [...plan.command] },
          detach: args.flag('detach'),
        }),
      );
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, names.length) }, work));
  return Math.max(exitCodes.ok, ...codes);
}

interface One {
  readonly name: string;
  readonly prefix: string;
  readonly body: DockerExecCreate;
  readonly detach: boolean;
}

async function runOne(engine: Client, io: Io, { name, prefix, body, detach }: One): Promise<number> {
  try {
    const id = await engine.execs.create(name, body);
    if (detach) {
      await engine.execs.startDetached(id);
      return exitCodes.ok;
    }
    const [stdout, stderr] = [prefixedOutput(io.stdout, prefix), prefixedOutput(io.stderr, prefix)];
    const joined = await engine.execs.start(id, { terminal: false });
    for await (const { stream, data } of joined.output()) await (stream === 'stderr' ? stderr : stdout).push(data);
    await stdout.end();
    await stderr.end();
    return (await engine.execs.inspect(id)).ExitCode ?? exitCodes.failure;
  } catch (thrown) {
    const error = toOrlopError(thrown);
    if (error.code === 'CLIENT_UNREACHABLE' || error.code === 'CLIENT_NO_PERMISSION') throw error;
    await write(io.stderr, `${prefix}${error.message}\n`);
    return exitCodeOf(error);
  }
}
