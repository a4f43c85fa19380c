import { OrlopError, toOrlopError } from '#errors';
import type { Client } from '#client';
import { formatCommandHelp } from './arguments/help.ts';
import { checkPositionals, parseArguments } from './arguments/parse.ts';
import { nearestWord } from './arguments/nearest.ts';
import { usageError, wrongWords } from './arguments/usage-error.ts';
import { listCommands, commandsInGroup, findCommand } from './commands/index.ts';
import { reasonOfRefusal } from './commands/refused.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';
import { parseGlobalOptions } from './global-options.ts';
import { withEnvironment, write, type Io } from './io.ts';
import { programVersion } from './program-version.ts';
import { reportError } from './render/error.ts';
import { suggestName } from './suggest-names.ts';
import { verbLoaders } from './verb-loaders.ts';

/** The whole command line: words in, exit code out. Every failure ends here, in the one renderer. */
export async function main(words: readonly string[], io: Io): Promise<number> {
  try {
    return await dispatch(words, io);
  } catch (thrown) {
    const error = toOrlopError(thrown);
    await reportError(io, error);
    return exitCodeOf(error);
  }
}

async function dispatch(words: readonly string[], given: Io): Promise<number> {
  const options = parseGlobalOptions(words);
  const { configDirectory } = options;
  const io = configDirectory === undefined ? given : withEnvironment(given, { DOCKER_CONFIG: configDirectory });
  if (options.version) {
    await write(io.stdout, `orlop ${programVersion}\n`);
    return exitCodes.ok;
  }
  if (options.help || options.rest.length === 0) return showHelp([], io);
  const found = findCommand(options.rest);
  if (found === undefined) {
    const [first = '', second] = options.rest;
    const refusal = reasonOfRefusal(first);
    if (refusal !== undefined) throw new OrlopError('unimplemented', 'CLI_REFUSED', `orlop ${first} is not supported`, { hint: refusal });
    const isGroup = commandsInGroup(first).length > 0;
    if (isGroup && (second === undefined || second === '--help' || second === '-h')) return showHelp([first], io);
    const meant = isGroup
      ? nearestWord(
          `${first} ${second}`,
          commandsInGroup(first).map(({ name }) => name),
        )
      : nearestWord(
          first,
          listCommands().flatMap(({ name, aliases = [] }) => [name, ...aliases]),
        );
    throw wrongWords(
      `unknown command: ${isGroup ? `${first} ${second}` : first}${meant === undefined ? '' : `; did you mean "orlop ${meant}"?`}`,
    );
  }
  const { command } = found;
  const args = parseArguments(command, found.rest);
  if (args.flag('help')) {
    await write(io.stdout, formatCommandHelp(command));
    return exitCodes.ok;
  }
  checkPositionals(command, args);
  const load = verbLoaders[command.name];
  if (load === undefined) throw usageError(`unknown command: ${command.name}`);
  const { chooseHost, connect, readTls } = await import('#client');
  const host = chooseHost(options, io.env);
  let connected: Promise<Client> | undefined;
  const client = (): Promise<Client> => (connected ??= (async () => connect({ host, tls: readTls(options, io.env) }))());
  try {
    return await (await load())({ command, args, io, host, client });
  } catch (thrown) {
    const error = toOrlopError(thrown);
    // An address that is none makes no client.
    const engine = await connected?.catch(() => undefined);
    const explained = engine === undefined ? error : await suggestName(error, engine, namesIn(args.positionals));
    await reportError(io, explained, { json: args.flag('json') });
    return exitCodeOf(error);
  } finally {
    // A client that failed to come about has nothing to close.
    await connected?.then(
      (open) => open.close(),
      () => undefined,
    );
  }
}

/** What was typed, and what stands before a path: `box:/etc`. */
function namesIn(words: readonly string[]): string[] {
  return words.flatMap((word) => [word, ...(word.includes(':/') ? [word.slice(0, word.indexOf(':/'))] : [])]);
}

async function showHelp(words: readonly string[], io: Io): Promise<number> {
  const { helpFor } = await import('./verbs/help.ts');
  await write(io.stdout, helpFor(words));
  return exitCodes.ok;
}
