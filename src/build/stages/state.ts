import type { ContainerConfig } from '#oci';
import type { RuleName, Warn } from '../check/rules.ts';
import { locating, mistake } from '../dockerfile/errors.ts';
import { expand, expandContent, type Expansion } from '../dockerfile/expand.ts';
import { suggestion } from '../dockerfile/suggest.ts';
import type { InstructionBase, Lines, PlannedStage, StageConfig, StagePlan, StepBase, Warning } from '../model.ts';
import { warning } from '../check/rules.ts';

/** A stage while it is compiled: what its instructions so far amount to. */
export interface StageState {
  readonly plan: StagePlan;
  readonly planned: PlannedStage;
  /** ENV and ARGs with a value; an ARG after an ENV of its name hides it here, and an ENV after an ARG. */
  readonly env: Map<string, string>;
  readonly args: string[];
  readonly globals: ReadonlyMap<string, string>;
  readonly proxyEnv: readonly string[];
  readonly warnings: Warning[];
  /** The base's variables are known, so that an unknown one is a mistake. */
  readonly knowsBase: boolean;
  readonly classic: boolean;
  config: StageConfig;
  hasWorkdir: boolean;
  /** Characters that words have expanded to. */
  expanded: number;
  /** Variables, labels, ports and the like that were copied from step to step. */
  copied: number;
  /** Where CMD, ENTRYPOINT and HEALTHCHECK were last. */
  readonly last: Map<string, Lines>;
}

/** Of all words of a stage, in characters: a variable that is written often can be long. */
const mostExpanded = 16 * 1024 * 1024;

/** Takes a second or so, and some hundred megabytes. */
const mostCopied = 2_000_000;

/** Each step has a config of its own: whoever changes a large one often is stopped. Fails with invalid-argument. */
export function countCopies(state: StageState, count: number): void {
  state.copied += count;
  if (state.copied <= mostCopied) return;
  throw mistake(
    'the stage has too many variables, labels, ports, volumes or triggers for so many instructions',
    'set several of them in one instruction',
  );
}

/** What expands the words of one instruction, and remembers which variables were unknown. */
export interface Words {
  word(text: string): string;
  /** Cut into words after expansion (EXPOSE). */
  list(text: string): readonly string[];
  /** The content of a heredoc. */
  content(text: string): string;
}

export function wordsOf(state: StageState, lines: Lines): Words {
  const { escape } = state.plan.file.directives;
  const checked = (expansion: Expansion): Expansion => {
    state.expanded += expansion.text.length;
    if (state.expanded > mostExpanded) throw mistake(`the stage's words expand to more than ${mostExpanded} characters`);
    warnOfMissing(state, expansion.missing, lines);
    return expansion;
  };
  const expanded = (text: string): Expansion => checked(expand(text, { variables: state.env, escape }));
  return {
    word: (text) => expanded(text).text,
    list: (text) => expanded(text).words,
    content: (text) => checked(expandContent(text, state.env)).text,
  };
}

function warnOfMissing(state: StageState, missing: ReadonlySet<string>, lines: Lines): void {
  if (!state.knowsBase) return;
  for (const name of missing) {
    if (state.args.includes(name) || isScanArgument(name)) continue;
    const meant = suggestion(name, state.env.keys()).replace('mean ', 'mean $');
    warn(state, 'UndefinedVar', `Usage of undefined variable '$${name}'${meant}`, lines);
  }
}

/** Arguments that tell a scanner what to scan: they are no variables. */
export function isScanArgument(name: string): boolean {
  return name === 'BUILDKIT_SBOM_SCAN_CONTEXT' || name === 'BUILDKIT_SBOM_SCAN_STAGE';
}

export function warn(state: StageState, rule: RuleName, message: string, lines: Lines): void {
  state.warnings.push(warning(rule, message, lines));
}

export function warner(state: StageState): Warn {
  return (rule, message, lines) => warn(state, rule, message, lines);
}

/** Calls `action`; what it throws is about this instruction. */
export function atInstruction<T>(state: StageState, instruction: InstructionBase, action: () => T): T {
  return locating(state.plan.file.text, instruction.lines, action);
}

/** Changes properties of the container's config. */
export function configure(state: StageState, changes: Partial<Record<keyof ContainerConfig, unknown>>): void {
  const config = Object.fromEntries(Object.entries({ ...state.config.config, ...changes }).filter(([, value]) => value !== undefined));
  state.config = { ...state.config, config };
}

/** What all steps have, after the instruction's change of the config. */
export function stepBase(
  state: StageState,
  instruction: InstructionBase,
  createdBy: string | null,
  options: { isTrigger: boolean; emptyLayer?: boolean },
): StepBase {
  return {
    lines: instruction.lines,
    source: instruction.source,
    instruction: instruction.keyword.toUpperCase(),
    createdBy,
    isTrigger: options.isTrigger,
    emptyLayer: options.emptyLayer ?? true,
    config: state.config,
  };
}

/** The directory that relative paths begin at. */
export function workdirOf(state: StageState): string {
  const workdir = state.config.config?.WorkingDir;
  return workdir === undefined || workdir === '' ? '/' : workdir;
}

/** What runs the shell form. */
export function shellOf(state: StageState): readonly string[] {
  const shell = state.config.config?.Shell;
  return shell === undefined || shell.length === 0 ? ['/bin/sh', '-c'] : shell;
}
