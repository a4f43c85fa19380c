import { appendFileSync } from 'node:fs';
import { toOrlopError } from '#errors';
import { type FlagTable, parseFlags, type ParsedFlags, usageError } from './arguments.ts';
import type { Command } from './command.ts';
import { create, run } from './commands/create.ts';
import { features, spec } from './commands/describe.ts';
import { exec } from './commands/exec.ts';
import { kill, pause, remove, resume, start } from './commands/lifecycle.ts';
import { events, update } from './commands/resources.ts';
import { list, ps, state } from './commands/show.ts';
import { createRuntimeContext } from './context.ts';

const commands: Readonly<Record<string, Command>> = {
  create,
  start,
  state,
  kill,
  delete: remove,
  run,
  exec,
  list,
  ps,
  pause,
  resume,
  update,
  events,
  features,
  spec,
};

const globalFlags: FlagTable = {
  root: { kind: 'text', about: 'where the records of containers are (default /run/orlop-runtime)' },
  log: { kind: 'text', about: 'file that errors are written to as well' },
  'log-format': { kind: 'text', about: 'of that file: text or json' },
  debug: { kind: 'flag', about: 'accepted; there is nothing more to say' },
  'systemd-cgroup': { kind: 'flag', about: 'not supported: cgroups are made directly' },
  rootless: { kind: 'text', about: 'only "auto" and "false"' },
  criu: { kind: 'text', about: 'ignored, as runc does' },
  version: { kind: 'flag', short: 'v', about: 'print the version' },
  help: { kind: 'flag', short: 'h', about: 'print this' },
};

const specVersion = '1.2.1';

/** runc's command line. Resolves with the exit code; what failed has then been written to standard error and the log. */
export async function runRuntime(argv: readonly string[], version: string): Promise<number> {
  let log: Log = { file: undefined, format: 'text' };
  let command: Command | undefined;
  try {
    const { flags, rest } = parseFlags(argv, globalFlags);
    log = { file: flags.text('log'), format: flags.text('log-format') ?? 'text' };
    const [name, ...words] = rest;
    if (flags.flag('version')) return say(`orlop-runtime version ${version}\nspec: ${specVersion}\n`);
    if (flags.flag('help') || name === undefined || name === 'help') return say(formatHelp());
    checkGlobals(flags);
    command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (command === undefined) throw usageError(`unknown command ${JSON.stringify(name)}`);
    if (words[0] === '--help' || words[0] === '-h') return say(formatCommandHelp(name, command));
    const parsed = parseFlags(words, command.flags);
    return await command.run(
      createRuntimeContext({ version, root: flags.text('root') ?? '/run/orlop-runtime' }),
      parsed.flags,
      parsed.rest,
    );
  } catch (thrown) {
    report(thrown, log);
    return command?.failure ?? 1;
  }
}

interface Log {
  readonly file: string | undefined;
  readonly format: string;
}

function checkGlobals(flags: ParsedFlags): void {
  if (flags.flag('systemd-cgroup'))
    throw usageError('--systemd-cgroup is not supported: leave it out, cgroups are then made directly (cgroupfs)');
  if (!['auto', 'false', undefined].includes(flags.text('rootless'))) throw usageError('--rootless is not supported: run as root');
  if (!['text', 'json', undefined].includes(flags.text('log-format')))
    throw usageError(`invalid log format ${JSON.stringify(flags.text('log-format'))}: use text or json`);
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

/** conmon and containerd read the last error out of the JSON log. */
function report(thrown: unknown, { file, format }: Log): void {
  const error = toOrlopError(thrown);
  const hint = error.hint === undefined ? '' : ` (${error.hint})`;
  process.stderr.write(`orlop-runtime: ${error.message}${hint}\n`);
  if (error.kind === 'internal' && error.cause instanceof Error) process.stderr.write(`${error.cause.stack ?? ''}\n`);
  if (file === undefined) return;
  const time = new Date().toISOString();
  const line =
    format === 'json'
      ? JSON.stringify({ level: 'error', msg: error.message, time })
      : `time="${time}" level=error msg=${JSON.stringify(error.message)}`;
  try {
    appendFileSync(file, `${line}\n`);
  } catch (cause) {
    process.stderr.write(`orlop-runtime: the log ${file} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}\n`);
  }
}

function formatHelp(): string {
  const rows = Object.entries(commands).map(([name, { about }]) => `  ${name.padEnd(10)} ${about}\n`);
  return `orlop-runtime: runs containers of OCI bundles\n\nUsage: orlop-runtime [flags] <command> [flags] [arguments]\n\nCommands:\n${rows.join('')}\nFlags:\n${formatFlags(globalFlags)}`;
}

function formatCommandHelp(name: string, command: Command): string {
  const flags = Object.keys(command.flags).length === 0 ? '' : `\nFlags:\n${formatFlags(command.flags)}`;
  return `Usage: orlop-runtime ${name} [flags] ${command.usage}\n\n${command.about}\n${flags}`;
}

function formatFlags(table: FlagTable): string {
  return Object.entries(table)
    .map(
      ([name, { short, kind, about }]) =>
        `  ${`${short === undefined ? '' : `-${short}, `}--${name}${kind === 'flag' ? '' : ' VALUE'}`.padEnd(30)} ${about}\n`,
    )
    .join('');
}
