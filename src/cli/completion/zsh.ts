import type { CommandSpec, FlagSpec } from '../arguments/spec.ts';
import { engineOptions, groupWords, listingsOf, offeredFlags, quoteSingle, valuesOf } from './names.ts';

/** What was typed before the command. */
const engine = '$engine';

export function formatZsh(commands: readonly CommandSpec[]): string {
  const groups = groupWords(commands);
  const first = [
    ...commands.filter(({ name }) => !name.includes(' ')).map(({ name, summary }) => quoteSingle(`${name}:${summary}`)),
    ...[...groups.keys()].map((group) => quoteSingle(`${group}:Commands about ${group}s`)),
  ];
  return `#compdef orlop
# zsh completion for orlop: source <(orlop completion zsh)
_orlop() {
  local context state line curcontext=$curcontext index
  local -a engine
  for ((index = 2; index < CURRENT; index++)); do
    case $words[index] in
      ${engineOptions.join('|')}) engine+=(\${(Q)words[index]} \${(Q)words[index+1]}); ((index++)) ;;
      -*) engine+=(\${(Q)words[index]}) ;;
      *) break ;;
    esac
  done
  _arguments -C '(-H --host)'{-H,--host}'[address of the engine]:address' '(-c --context)'{-c,--context}'[name of the engine]:context:{compadd -- \${(f)"$(orlop context ls -q 2>/dev/null)"}}' --tlsverify'[reach the engine with certificates]' --tlscacert'[authority of the engine]:file:_files' --tlscert'[our certificate]:file:_files' --tlskey'[its key]:file:_files' '(- *)'{-v,--version}'[print the version]' '1: :->verb' '*:: :->rest'
  if [[ $state == verb ]]; then
    local -a verbs=(${first.join(' ')})
    _describe command verbs
    return
  fi
  local verb=$line[1]
  case $verb in
${[...groups.keys()].map((group) => `    ${group}) if (( CURRENT == 2 )); then compadd ${(groups.get(group) ?? []).join(' ')}; return; fi; verb="$verb $words[2]"; shift words; (( CURRENT-- )) ;;\n`).join('')}  esac
  case $verb in
${commands.map(formatCase).join('')}  esac
}
# Sourced, or from a directory in fpath: then this file is the function's own body, and completes already.
if [[ $funcstack[1] == _orlop ]]; then _orlop "$@"; else compdef _orlop orlop; fi
`;
}

function formatCase(command: CommandSpec): string {
  const names = [command.name, ...(command.aliases ?? [])].map((name) => quoteSingle(name)).join('|');
  const flags = offeredFlags(command).map(formatFlag);
  const listings = listingsOf(command, engine);
  const positional = listings.length === 0 ? '' : ` ${quoteSingle(`*:name:${offer([], listings)}`)}`;
  return `    ${names}) _arguments ${[...flags, "'--help[print usage]'"].join(' ')}${positional} ;;\n`;
}

function formatFlag(flag: FlagSpec): string {
  const help = `[${flag.help.replaceAll(/[[\]:]/g, ' ')}]`;
  const { words, commands } = valuesOf(flag, engine);
  const value =
    flag.kind === 'flag' ? '' : `:${flag.value ?? flag.name}:${words.length + commands.length === 0 ? '_files' : offer(words, commands)}`;
  const star = flag.kind === 'list' ? '*' : '';
  if (flag.short === undefined) return quoteSingle(`${star}--${flag.name}${help}${value}`);
  return `${star === '' ? quoteSingle(`(-${flag.short} --${flag.name})`) : "'*'"}{-${flag.short},--${flag.name}}${quoteSingle(`${help}${value}`)}`;
}

/** An action of _arguments that offers words and the lines that commands print. */
function offer(words: readonly string[], commands: readonly string[]): string {
  const names = commands.length === 0 ? '' : ` \${(f)"$({ ${commands.join('; ')}; } 2>/dev/null)"}`;
  return `{compadd -- ${words.join(' ')}${names}}`;
}
