import type { CommandSpec, FlagSpec } from '../arguments/spec.ts';
import { firstWords, groupWords, listings, offeredFlags } from './names.ts';

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
complete -c orlop -f
complete -c orlop -s H -l host -x -d 'Address of the engine'
complete -c orlop -l tlsverify -d 'Reach the engine with certificates'
complete -c orlop -l tlscacert -r -d 'Authority of the engine'
complete -c orlop -l tlscert -r -d 'Our certificate'
complete -c orlop -l tlskey -r -d 'Key of our certificate'
complete -c orlop -s v -l version -d 'Print the version'
complete -c orlop -f -n __fish_use_subcommand -a '${first}'
${inGroup.join('')}${commands.map(formatCommand).join('')}`;
}

function formatCommand(command: CommandSpec): string {
  const condition = command.name
    .split(' ')
    .map((word) => `__fish_seen_subcommand_from ${word}`)
    .join('; and ');
  const start = `complete -c orlop -n '${condition}'`;
  const flags = offeredFlags(command).map((flag) => `${start}${formatFlag(flag)}\n`);
  const names =
    command.completes === undefined ? '' : `${start} -f -a '(${listings[command.completes].replaceAll("'", '"')} 2>/dev/null)'\n`;
  return `${flags.join('')}${names}`;
}

function formatFlag(flag: FlagSpec): string {
  const short = flag.short === undefined ? '' : ` -s ${flag.short}`;
  const value = flag.kind === 'flag' ? '' : flag.choices === undefined ? ' -r' : ` -x -a '${flag.choices.join(' ')}'`;
  return `${short} -l ${flag.name}${value} -d '${flag.help.replaceAll("'", String.raw`\'`)}'`;
}
