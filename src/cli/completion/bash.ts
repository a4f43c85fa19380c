import type { CommandSpec, FlagSpec } from '../arguments/spec.ts';
import { engineOptions, firstWords, groupWords, listingsOf, offeredFlags, valuesOf } from './names.ts';

/** What was typed before the command. */
const engine = '"${engine[@]}"';

export function formatBash(commands: readonly CommandSpec[]): string {
  const groups = [...groupWords(commands)];
  return `# bash completion for orlop: source <(orlop completion bash)
_orlop() {
  # Bash breaks words at colons and equals signs too, and replaces only what is behind the last of these.
  local line=\${COMP_LINE:0:COMP_POINT} verb= index word kept=
  local -a typed engine; read -ra typed <<< "$line"
  [[ $line == *[[:space:]] ]] && typed+=('')
  local last=$((\${#typed[@]} - 1))
  local current=\${typed[last]} previous=\${typed[last-1]}
  [[ $COMP_WORDBREAKS == *:* ]] && kept=\${current%"\${current##*:}"}
  if [[ $current == --*=* ]]; then
    previous=\${current%%=*}
    [[ $COMP_WORDBREAKS == *=* && \${#kept} -le \${#previous} ]] && kept=$previous=
  fi
  for ((index = 1; index < last; index++)); do
    word=\${typed[index]}
    case $word in
      ${engineOptions.join('|')}) [[ -z $verb ]] && engine+=("$word" "\${typed[index+1]}"); ((index++)) ;;
      -*) [[ -z $verb ]] && engine+=("$word") ;;
      *) if [[ -z $verb ]]; then verb=$word; elif [[ $verb == @(${groups.map(([group]) => group).join('|')}) ]]; then verb="$verb $word"; break; else break; fi ;;
    esac
  done
  [[ -z $verb && ( $previous == -c || $previous == --context ) ]] && verb='context use' engine=()
  local words=
  case $verb in
    '') words='${firstWords(commands).join(' ')} --host --context --tlsverify --tlscacert --tlscert --tlskey --version --help' ;;
${groups.map(([group, words]) => `    '${group}') words='${words.join(' ')}' ;;\n`).join('')}${commands.map(formatCase).join('')}  esac
  if [[ $current == --*=* ]]; then current=\${current#*=}; [[ $kept == --*=* ]] && kept=\${kept#*=}; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  COMPREPLY=("\${COMPREPLY[@]#"$kept"}")
}
complete -o default -F _orlop orlop
`;
}

function formatCase(command: CommandSpec): string {
  const flags = [
    ...offeredFlags(command).flatMap(({ name, short }) => [`--${name}`, ...(short === undefined ? [] : [`-${short}`])]),
    '--help',
  ];
  const values = offeredFlags(command)
    .filter(({ kind }) => kind !== 'flag')
    .map(formatValues)
    .join('');
  const names = [command.name, ...(command.aliases ?? [])].map((name) => `'${name}'`).join('|');
  return `    ${names})
      case $previous in
${values}        *) if [[ $current == -* ]]; then words='${flags.join(' ')}'; else ${formatNames(listingsOf(command, engine))}; fi ;;
      esac ;;
`;
}

/** After a flag that has a value: what it may be; nothing where that is not known, so that a file's name can follow. */
function formatValues(flag: FlagSpec): string {
  const { words, commands } = valuesOf(flag, engine);
  const shorts = flag.short === undefined ? '' : `|-${flag.short}`;
  const fixed = words.length === 0 ? '' : `words='${words.join(' ')}'`;
  const names = commands.length === 0 ? '' : `words+=" $({ ${commands.join('; ')}; } 2>/dev/null)"`;
  return `        --${flag.name}${shorts}) ${[fixed, names].filter((part) => part !== '').join('; ') || ':'} ;;\n`;
}

function formatNames(commands: readonly string[]): string {
  return commands.length === 0 ? ':' : `words=$({ ${commands.join('; ')}; } 2>/dev/null)`;
}
