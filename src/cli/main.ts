import { toOrlopError } from '#errors';
import type { Client } from '#client';
import { formatCommandHelp } from './arguments/help.ts';
import { checkPositionals, parseArguments } from './arguments/parse.ts';
import { usageError } from './arguments/usage-error.ts';
import type { FoundCommand } from './commands/index.ts';
import { withJson } from './commands/json-flag.ts';
import { listContainers } from './commands/list-containers.ts';
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
  const found = findFirst(options.rest) ?? (await import('./commands/index.ts')).findCommand(options.rest);
  if (found === undefined) {
    const { explainUnknown } = await import('./unknown-command.ts');
    return showHelp([explainUnknown(options.rest).group], io);
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
  const [{ connect }, { chooseEngine }] = await Promise.all([import('#client'), import('./contexts/choose.ts')]);
  const chosen = chooseEngine(options, io.env);
  let connected: Promise<Client> | undefined;
  const client = (): Promise<Client> => (connected ??= (async () => connect({ host: chosen.host(), tls: chosen.tls() }))());
  try {
    return await (await load())({ command, args, io, chosen, client });
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

/** What was typed, and what stands before a path: `box:/etc`, `box/etc`. */
function namesIn(words: readonly string[]): string[] {
  return words.flatMap((word) => [word, ...(word.includes('/') ? [word.slice(0, word.search(/:?\//))] : [])]);
}

/** What is found without the whole table. */
function findFirst([word, ...rest]: readonly string[]): FoundCommand | undefined {
  return word === listContainers.name ? { command: withJson(listContainers), rest } : undefined;
}

async function showHelp(words: readonly string[], io: Io): Promise<number> {
  const { helpFor } = await import('./verbs/help.ts');
  await write(io.stdout, helpFor(words));
  return exitCodes.ok;
}
