import type { CommandSpec } from '../arguments/spec.ts';

type Words = Readonly<Record<string, string>>;

const same = (...names: readonly string[]): Words => Object.fromEntries(names.map((name) => [name, name]));

/**
 * Docker's management groups: `container ls` is another way to say `ps`. What only a group has, such as `container prune`, is a command of its own in the
 * tables.
 */
const groups: Readonly<Record<string, Words>> = {
  container: {
    // The first way is the one that help shows.
    ls: 'ps',
    list: 'ps',
    ...same(
      'attach',
      'commit',
      'cp',
      'create',
      'diff',
      'exec',
      'export',
      'kill',
      'logs',
      'pause',
      'port',
      'ps',
      'rename',
      'restart',
      'rm',
      'run',
    ),
    ...same('start', 'stats', 'stop', 'top', 'unpause', 'update', 'wait'),
    remove: 'rm',
  },
  image: {
    ...same('build', 'history', 'search', 'load', 'pull', 'push', 'save', 'tag'),
    ls: 'images',
    list: 'images',
    rm: 'rmi',
    remove: 'rmi',
  },
  system: same('events', 'info'),
};

/** What the commands of each group are about. */
export const groupSummaries: Readonly<Record<string, string>> = {
  backup: 'Keep containers as files',
  builder: 'Manage what builds keep',
  compose: 'Run projects of several containers from Compose files',
  container: 'Manage containers',
  context: 'Give engines names',
  device: 'Add devices to containers, running or not',
  file: 'Work with files of containers, running or stopped',
  image: 'Manage images',
  network: 'Manage networks',
  profile: 'Manage settings that containers share',
  registry: 'Serve images to other machines',
  snapshot: 'Keep containers as they are, and bring them back',
  system: 'Manage the engine',
  template: 'Make base images from the packages of distributions',
  volume: 'Manage volumes',
};

/** The command that `container ls` means. */
export function groupedName(group: string, word: string): string | undefined {
  const words = Object.hasOwn(groups, group) ? groups[group] : undefined;
  return words !== undefined && Object.hasOwn(words, word) ? words[word] : undefined;
}

/** The commands, each with the ways that the groups have to say it. */
export function withGroups(commands: readonly CommandSpec[]): CommandSpec[] {
  const ways = Object.entries(groups).flatMap(([group, words]) =>
    Object.entries(words).map(([word, name]) => ({ name, alias: `${group} ${word}` })),
  );
  return commands.map((command) => {
    const own = ways.filter(({ name }) => name === command.name).map(({ alias }) => alias);
    return own.length === 0 ? command : { ...command, aliases: [...(command.aliases ?? []), ...own] };
  });
}
