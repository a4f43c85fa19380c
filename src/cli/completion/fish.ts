import type { CommandSpec, FlagSpec } from '../arguments/spec.ts';
import { engineOptions, firstWords, groupWords, listingsOf, namesOf, offeredFlags, valuesOf } from './names.ts';

/** What was typed before the command. */
const engine = '(__orlop_engine)';

export function formatFish(commands: readonly CommandSpec[]): string {
  const groups = [...groupWords(commands)];
  const inGroup = groups.flatMap(([group, words]) =>
    words.map(
      (word) =>
        `complete -c orlop -f -n '__fish_seen_subcommand_from ${group}; and not __fish_seen_subcommand_from ${words.join(' ')}' -a ${word}\n`,
    ),
  );
  const first = firstWords(commands).join(' ');
  return `# fish completion for orlop: orlop completion fish | source
function __orlop_engine
  set -l words (commandline -opc)
  set -e words[1]
  while set -q words[1]
    switch $words[1]
      case ${engineOptions.join(' ')}
        printf '%s\\n' $words[1..2]
        set -e words[1..2]
      case '-*'
        printf '%s\\n' $words[1]
        set -e words[1]
      case '*'
        return
    end
  end
end
complete -c orlop -f
complete -c orlop -s H -l host -x -d 'Address of the engine'
complete -c orlop -s c -l context -x -a '(orlop context ls -q 2>/dev/null)' -d 'Name of the engine'
complete -c orlop -l tlsverify -d 'Reach the engine with certificates'
complete -c orlop -l tlscacert -r -d 'Authority of the engine'
complete -c orlop -l tlscert -r -d 'Our certificate'
complete -c orlop -l tlskey -r -d 'Key of our certificate'
complete -c orlop -s v -l version -d 'Print the version'
complete -c orlop -f -n __fish_use_subcommand -a '${first}'
${inGroup.join('')}${commands
  .map((command) =>
    formatCommand(
      command,
      groups.map(([group]) => group),
    ),
  )
  .join('')}`;
}

/** `rm` is not that of `volume rm`. */
function conditionOf(name: string, groups: readonly string[]): string {
  const [first = '', second] = name.split(' ');
  const seen = `__fish_seen_subcommand_from ${first}`;
  return second === undefined
    ? `${seen}; and not __fish_seen_subcommand_from ${groups.join(' ')}`
    : `${seen}; and __fish_seen_subcommand_from ${second}`;
}

/** Within the single quotes of fish, and run when completions are asked for. */
function substitute(commands: readonly string[]): string {
  return `(begin; ${commands.join('; ').replaceAll("'", '"')}; end 2>/dev/null)`;
}

function formatCommand(command: CommandSpec, groups: readonly string[]): string {
  const ways = namesOf(command).map((name) => `begin; ${conditionOf(name, groups)}; end`);
  const start = `complete -c orlop -n '${ways.join('; or ')}'`;
  const flags = offeredFlags(command).map((flag) => `${start}${formatFlag(flag)}\n`);
  const listings = listingsOf(command, engine);
  const names = listings.length === 0 ? '' : `${start} -f -a '${substitute(listings)}'\n`;
  return `${flags.join('')}${names}`;
}

function formatFlag(flag: FlagSpec): string {
  const short = flag.short === undefined ? '' : ` -s ${flag.short}`;
  const { words, commands } = valuesOf(flag, engine);
  const offered = [...words, ...(commands.length === 0 ? [] : [substitute(commands)])].join(' ');
  const value = flag.kind === 'flag' ? '' : offered === '' ? ' -r' : ` -x -a '${offered}'`;
  return `${short} -l ${flag.name}${value} -d '${flag.help.replaceAll("'", String.raw`\'`)}'`;
}
