import { usageError } from '../arguments/usage-error.ts';
import type { FlagSpec } from '../arguments/spec.ts';

/** What says which project is meant; Docker's command line takes these before the verb, where two of them are short as well. */
export const projectFlags: readonly FlagSpec[] = [
  { name: 'file', kind: 'list', help: 'Compose files, merged in this order (before the verb also -f)' },
  { name: 'project-name', kind: 'text', help: 'Name of the project (before the verb also -p)' },
  { name: 'project-directory', kind: 'text', help: "What relative paths are of (default the first file's directory)" },
  { name: 'profile', kind: 'list', help: 'Profiles to enable; * for all' },
  { name: 'env-file', kind: 'list', help: 'Files of variables in place of .env' },
  { name: 'compatibility', kind: 'flag', help: 'Names with underscores, as docker-compose 1 gave them' },
  { name: 'all-resources', kind: 'flag', help: 'Also networks and volumes that no service uses' },
  { name: 'ansi', kind: 'text', help: 'Whether to colour (auto, always, never)', choices: ['auto', 'always', 'never'] },
  { name: 'progress', kind: 'text', help: 'auto, plain or quiet (default auto)', choices: ['auto', 'plain', 'quiet'] },
  { name: 'parallel', kind: 'integer', help: 'How much to do at a time at most (default no limit)' },
];

/** Docker's command line takes it before the verb as well. */
const hoistable: readonly FlagSpec[] = [...projectFlags, { name: 'dry-run', kind: 'flag', help: '' }];

const shorts: Readonly<Record<string, string>> = { f: 'file', p: 'project-name' };
/** What a flag was called once; Compose still takes it. */
const formerly: Readonly<Record<string, string>> = { workdir: 'project-directory' };

/** `compose -f x.yaml up -d` as `compose up --file=x.yaml -d`: flags of the project stand behind the verb. Other words stay as they are. */
export function hoistProjectFlags(words: readonly string[]): readonly string[] {
  if (words[0] !== 'compose') return words;
  const hoisted: string[] = [];
  let at = 1;
  for (; at < words.length; at++) {
    const word = words[at] ?? '';
    const [, long, short, inline] = /^(?:--([a-z-]+)|-([fp]))(?:(?<==|-[fp])=?([\s\S]+)|=([\s\S]*))?$/.exec(word) ?? [];
    const name = long === undefined ? shorts[short ?? ''] : (formerly[long] ?? long);
    const flag = hoistable.find((candidate) => candidate.name === name);
    if (flag === undefined) break;
    const given = inline ?? (word.includes('=') ? word.slice(word.indexOf('=') + 1) : undefined);
    const value = given ?? (flag.kind === 'flag' ? 'true' : words[++at]);
    if (value === undefined) throw usageError(`flag needs an argument: ${word}`);
    hoisted.push(`--${flag.name}=${value}`);
  }
  const [verb, ...rest] = words.slice(at);
  return verb === undefined ? ['compose'] : ['compose', verb, ...hoisted, ...rest];
}
