import { mistake } from '../dockerfile/errors.ts';
import { heredocContent, parseHeredocWord } from '../dockerfile/heredocs.ts';
import type { Heredoc, InlineFile, RunInstruction, RunStep } from '../model.ts';
import { compileMounts } from './mounts.ts';
import { joinPath } from './paths.ts';
import { mountSourceOf } from './sources.ts';
import { countCopies, shellOf, type StageState, stepBase, wordsOf, workdirOf } from './state.ts';

/** Where scripts that are heredocs appear while they run. */
const scriptDirectory = '/dev/pipes';

/** The command is not expanded: its shell does that. Variables are expanded in `--mount` only. */
export function compileRun(state: StageState, instruction: RunInstruction, isTrigger: boolean): RunStep {
  const { argv, files } = compileCommand(state, instruction);
  const words = wordsOf(state, instruction.lines);
  const mounts = compileMounts(
    instruction.mounts.map(({ text }) => text),
    { workdir: workdirOf(state), expand: words.word, resolve: (from) => mountSourceOf(state, from) },
  );
  countCopies(state, state.env.size + state.args.length);
  const argsInScope = Object.fromEntries(state.args.map((name) => [name, state.env.get(name) ?? '']));
  return {
    kind: 'run',
    ...stepBase(state, instruction, describeRun(argv, argsInScope), { isTrigger, emptyLayer: false }),
    argv,
    files,
    env: [...state.env].map(([name, value]) => `${name}=${value}`),
    argsInScope,
    proxyEnv: state.proxyEnv,
    user: state.config.config?.User ?? '',
    workdir: workdirOf(state),
    mounts,
    volumes: state.classic ? Object.keys(state.config.config?.Volumes ?? {}) : [],
    network: instruction.network,
    security: instruction.security,
  };
}

function compileCommand(state: StageState, { command }: RunInstruction): { argv: readonly string[]; files: readonly InlineFile[] } {
  if (command.form === 'exec') {
    const argv = command.argv.length > 0 ? command.argv : defaultCommand(state);
    if (argv.length === 0) throw mistake('RUN requires at least one argument');
    return { argv, files: [] };
  }
  const { text, heredocs } = command;
  const [only] = heredocs;
  if (only === undefined || !isHeredocAlone(text)) return { argv: [...shellOf(state), withHeredocs(text, heredocs)], files: [] };
  const content = heredocContent(only);
  if (!only.content.startsWith('#!')) return { argv: [...shellOf(state), content], files: [] };
  // Its own interpreter: a file to execute. As in BuildKit the shell is still what executes it.
  const path = joinPath(scriptDirectory, only.name);
  return { argv: [...shellOf(state), path], files: [{ path, content, mode: 0o755 }] };
}

/** `RUN []` runs what the image would, as with Docker's first builder. */
function defaultCommand({ config: { config } }: StageState): readonly string[] {
  return [...(config?.Entrypoint ?? []), ...(config?.Cmd ?? [])];
}

/** The whole command is one `<<NAME`: then the content is the command, so that shells that have no heredocs can be used. */
function isHeredocAlone(text: string): boolean {
  try {
    return parseHeredocWord(text) !== undefined;
  } catch {
    return false;
  }
}

/** The command as a shell reads it, heredocs below. Their tabs and names are the shell's business. */
function withHeredocs(text: string, heredocs: readonly Heredoc[]): string {
  return [text, ...heredocs.map(({ content, name }) => `\n${content}${name}`)].join('');
}

/** `RUN |2 A=1 B=2 /bin/sh -c true # buildkit`. */
function describeRun(argv: readonly string[], args: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(args).map(([name, value]) => `${name}=${value}`);
  return ['RUN', ...(pairs.length === 0 ? [] : [`|${pairs.length}`, ...pairs]), ...argv, '# buildkit'].join(' ');
}
