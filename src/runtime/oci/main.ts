import { isatty } from 'node:tty';
import { OrlopError, toOrlopError } from '#errors';
import { type FlagTable, parseFlags, type ParsedArguments, type ParsedFlags } from './arguments.ts';
import { checkArity, type Command } from './command.ts';
import { createRuntimeContext } from './context.ts';
import { formatCommandHelp, formatHelp, formatVersion, type ProgramFacts } from './help.ts';
import { openLog, type RuntimeLog } from './log.ts';
import { print } from './print.ts';
import { inRuncsWords } from './runc-words.ts';
import { specVersion } from './spec-version.ts';
import { defaultRoot, runtimeCommands as commands, runtimeFlags as globalFlags } from './table.ts';

/** runc's command line. Resolves with the exit code; what failed has then been written to standard error and the log. */
export async function runRuntime(argv: readonly string[], version: string): Promise<number> {
  const facts: ProgramFacts = { version, spec: specVersion, commands, flags: globalFlags };
  let log = openLog({});
  try {
    const given = parseOrShow(
      () => parseFlags(argv, globalFlags),
      log,
      (message) => `Incorrect Usage. ${message}\n\n${formatHelp(facts)}`,
    );
    if (given === null) return 1;
    const { flags, rest } = given;
    const [name, ...words] = rest;
    if (flags.flag('version')) return say(formatVersion(facts));
    if (flags.flag('help') || name === undefined) return say(formatHelp(facts));
    log = openLog({ file: flags.text('log'), format: flags.text('log-format'), debug: flags.flag('debug') });
    if (name === 'help' || name === 'h') return help(facts, log, words[0]);
    checkRootless(flags.text('rootless') || 'auto');
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (command === undefined) return noTopic(log, name);
    const named = flags.text('root') ?? '';
    const places = { root: named || defaultRoot, rootNamed: named !== '', systemdCgroup: findManager(flags) === 'systemd' };
    return await runCommand(name, command, words, log, () => createRuntimeContext({ version, log, ...places }));
  } catch (thrown) {
    report(thrown, '', log);
    return 1;
  }
}

/** runc would go on without the cgroups that it may not make; we never run as anybody but root. */
function checkRootless(value: string): void {
  if (value === 'auto' || value === 'false') return;
  throw new OrlopError('unimplemented', 'RUNTIME_ROOTLESS', `--rootless=${value} is not supported: this runtime runs as root`, {
    hint: 'leave it out, or give auto or false',
  });
}

/** Who makes cgroups, by runc's flag or by crun's. */
function findManager(flags: ParsedFlags): 'cgroupfs' | 'systemd' {
  const named = flags.text('cgroup-manager') || 'cgroupfs';
  if (named !== 'cgroupfs' && named !== 'systemd')
    throw new OrlopError('invalid-argument', 'RUNTIME_CGROUP_MANAGER', `unknown cgroup manager ${JSON.stringify(named)}`, {
      hint: 'use cgroupfs or systemd',
    });
  return flags.flag('systemd-cgroup') ? 'systemd' : named;
}

type ContextMaker = () => ReturnType<typeof createRuntimeContext>;

async function runCommand(
  name: string,
  command: Command,
  words: readonly string[],
  log: RuntimeLog,
  makeContext: ContextMaker,
): Promise<number> {
  const usage = (): string => formatCommandHelp(name, command);
  const table: FlagTable = { ...command.flags, help: { kind: 'flag', short: 'h', about: '' } };
  const parse = (): ParsedArguments => parseFlags(words, table, { anywhere: command.passesOn !== true });
  const parsed = parseOrShow(parse, log, (message) => `Incorrect Usage: ${message}\n\n${usage()}`);
  if (parsed === null) return 1;
  if (parsed.flags.flag('help')) return say(usage());
  const wrong = checkArity(name, command.arity, parsed.rest.length);
  if (wrong !== null) {
    say(`Incorrect Usage.\n\n${usage()}`);
    log.fail(`orlop-runtime: ${wrong}`);
    return 1;
  }
  try {
    return await command.run(makeContext(), parsed.flags, parsed.rest);
  } catch (thrown) {
    return report(thrown, command.prefix ?? '', log) ?? command.failure ?? 1;
  }
}

/** Shows how it is used when the flags make no sense. */
function parseOrShow(parse: () => ParsedArguments, log: RuntimeLog, show: (message: string) => string): ParsedArguments | null {
  try {
    return parse();
  } catch (thrown) {
    const { message } = toOrlopError(thrown);
    say(show(message));
    log.fail(message);
    return null;
  }
}

function help(facts: ProgramFacts, log: RuntimeLog, topic: string | undefined): number {
  if (topic === undefined) return say(formatHelp(facts));
  const command = Object.hasOwn(commands, topic) ? commands[topic] : undefined;
  return command === undefined ? noTopic(log, topic) : say(formatCommandHelp(topic, command));
}

function noTopic(log: RuntimeLog, name: string): number {
  log.fail(`No help topic for '${name}'`);
  return 3;
}

function say(text: string): number {
  print(1, text);
  return 0;
}

/** Gives the exit code when the error has one of its own. Hints are for people: callers that read the log or count lines get runc's words alone. */
function report(thrown: unknown, prefix: string, log: RuntimeLog): number | undefined {
  const error = toOrlopError(thrown);
  const { text, bare } = inRuncsWords(error);
  if (bare) print(2, `${text}\n`);
  else log.fail(`${prefix}${text}`);
  if (error.hint !== undefined && isatty(2)) print(2, `hint: ${error.hint}\n`);
  if (log.debugging && error.kind === 'internal') print(2, `${(error.cause instanceof Error ? error.cause : error).stack ?? ''}\n`);
  return bare ? 1 : undefined;
}
