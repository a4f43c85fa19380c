import type { CommandSpec } from '../arguments/spec.ts';
import { firstWords, groupWords, listings, offeredFlags } from './names.ts';

export function formatBash(commands: readonly CommandSpec[]): string {
  const groups = [...groupWords(commands)];
  return `# bash completion for orlop: source <(orlop completion bash)
_orlop() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} verb= index word
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    case $word in
      -H|--host|--tlscacert|--tlscert|--tlskey) ((index++)) ;;
      -*) ;;
      *) if [[ -z $verb ]]; then verb=$word; elif [[ $verb == @(${groups.map(([group]) => group).join('|')}) ]]; then verb="$verb $word"; break; else break; fi ;;
    esac
  done
  local words=
  case $verb in
    '') words='${firstWords(commands).join(' ')} --host --tlsverify --tlscacert --tlscert --tlskey --version --help' ;;
${groups.map(([group, words]) => `    '${group}') words='${words.join(' ')}' ;;\n`).join('')}${commands.map(formatCase).join('')}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if declare -F __ltrim_colon_completions >/dev/null; then __ltrim_colon_completions "$current"; fi
}
complete -o default -F _orlop orlop
`;
}

function formatCase(command: CommandSpec): string {
  const flags = [
    ...offeredFlags(command).flatMap(({ name, short }) => [`--${name}`, ...(short === undefined ? [] : [`-${short}`])]),
    '--help',
  ];
  const choices = offeredFlags(command).filter((flag) => flag.choices !== undefined);
  const values = choices.map(({ name, choices: offered }) => `        --${name}) words='${(offered ?? []).join(' ')}' ;;\n`).join('');
  const names = [command.name, ...(command.aliases ?? [])].map((name) => `'${name}'`).join('|');
  return `    ${names})
      case $previous in
${values}        *) if [[ $current == -* ]]; then words='${flags.join(' ')}'; else words=$(${listings[command.completes ?? 'none']} 2>/dev/null); fi ;;
      esac ;;
`;
}
