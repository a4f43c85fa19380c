import { parsePlatform, parseReference } from '#oci';
import { suggestion } from '../dockerfile/suggest.ts';
import type { CompiledStage, Dockerfile, IgnoreMatcher, PlanOptions, StageConfig, StagePlan, Warning } from '../model.ts';
import { globalArguments } from '../stages/arguments.ts';
import { compileStage, scratchConfig } from '../stages/compile.ts';
import { expandFrom, planStages } from '../stages/plan.ts';
import { type RuleName, warning } from './rules.ts';
import { type CheckSettings, readCheckSettings, selectWarnings } from './settings.ts';

export interface CheckOptions extends PlanOptions {
  /** Configs of base images and contexts, by the reference or name that the plan has for them. Without one, variables that the base may have are not judged. */
  readonly bases?: ReadonlyMap<string, StageConfig>;
  readonly ignore?: IgnoreMatcher;
  /** In place of what the file and the build arguments say. */
  readonly settings?: CheckSettings;
}

/**
 * The findings of `build --check`: of the target and what it needs, or of all stages without a target; in the order of lines, each once. Fails
 * as planning and compiling do where the file is not just doubtful but wrong.
 */
export function checkDockerfile(file: Dockerfile, options: CheckOptions): Warning[] {
  const everyStage = options.target === undefined || options.target === '';
  const found = [...checkText(file), ...checkFrom(file, options), ...checkStages(planStages(file, { ...options, everyStage }), options)];
  const settings = options.settings ?? readCheckSettings(file, options.buildArgs);
  return unique(selectWarnings(found, settings)).sort((a, b) => a.lines.first - b.lines.first);
}

/** What can be said of the text alone: names and their case, comments, and how instructions are written. For builds, which compile by themselves. */
export function checkText(file: Dockerfile): Warning[] {
  return [
    ...file.emptyContinuations.map((line) => warning('NoEmptyContinuation', 'Empty continuation line', { first: line, last: line })),
    ...checkStageNames(file),
    ...checkCasing(file),
    ...checkDescriptions(file),
  ];
}

function checkStages(plan: StagePlan, { bases, ignore }: CheckOptions): Warning[] {
  const compiled: CompiledStage[] = [];
  const guessed = new Set<number>();
  const warnings: Warning[] = [];
  for (const [position, planned] of plan.stages.entries()) {
    const { base } = planned;
    const known = base.kind === 'image' ? bases?.get(base.reference) : base.kind === 'context' ? bases?.get(base.name) : undefined;
    const below = base.kind === 'stage' ? compiled[base.position] : undefined;
    const isGuess = base.kind === 'stage' ? guessed.has(base.position) : base.kind !== 'scratch' && known === undefined;
    if (isGuess) guessed.add(position);
    const options = { knowsBase: !isGuess, ...(ignore === undefined ? {} : { ignore }) };
    const stage = compileStage(plan, position, below ?? known ?? scratchConfig(planned.platform), options);
    compiled.push(stage);
    for (const each of stage.warnings) warnings.push(each);
  }
  return warnings;
}

function unique(warnings: readonly Warning[]): Warning[] {
  const seen = new Map(warnings.map((each) => [`${each.rule} ${each.lines.first} ${each.message}`, each]));
  return [...seen.values()];
}

function checkStageNames(file: Dockerfile): Warning[] {
  const found: Warning[] = [];
  const names = new Set<string>();
  for (const { from, name } of file.stages) {
    if (name === undefined || from.as === undefined) continue;
    if (from.as !== name) found.push(warning('StageNameCasing', `Stage name '${from.as}' should be lowercase`, from.lines));
    if (name === 'context' || name === 'scratch') {
      found.push(
        warning('ReservedStageName', `Stage name should not use the same name as reserved stage ${JSON.stringify(name)}`, from.lines),
      );
    }
    if (names.has(name)) {
      found.push(warning('DuplicateStageName', `Duplicate stage name ${JSON.stringify(name)}, stage names should be unique`, from.lines));
    }
    names.add(name);
    if (!matchesCase(from.keyword, from.asKeyword ?? '')) {
      found.push(warning('FromAsCasing', `'${from.asKeyword}' and '${from.keyword}' keywords' casing do not match`, from.lines));
    }
  }
  return found;
}

const isLower = (word: string): boolean => word === word.toLowerCase();
const isUpper = (word: string): boolean => word === word.toUpperCase();

/** A FROM of mixed case is another rule's business. */
function matchesCase(keyword: string, as: string): boolean {
  if (isLower(keyword)) return isLower(as);
  return isUpper(keyword) ? isUpper(as) : true;
}

/** All instructions below FROM as most of them are; upper case where there are as many of both. */
function checkCasing(file: Dockerfile): Warning[] {
  const instructions = file.stages.flatMap(({ from, instructions }) => [from, ...instructions]);
  const lower = instructions.filter(({ keyword }) => isLower(keyword)).length;
  const upper = instructions.filter(({ keyword }) => isUpper(keyword)).length;
  const [fits, words] = lower > upper ? ([isLower, 'lowercase'] as const) : ([isUpper, 'uppercase'] as const);
  return instructions
    .filter(({ keyword }) => !fits(keyword))
    .map(({ keyword, lines }) =>
      warning('ConsistentInstructionCasing', `Command '${keyword}' should match the case of the command majority (${words})`, lines),
    );
}

/** A comment directly above ARG or a named FROM describes it, and begins with its name. */
function checkDescriptions(file: Dockerfile): Warning[] {
  const args = [...file.globalArgs, ...file.stages.flatMap(({ instructions }) => instructions.filter((each) => each.kind === 'arg'))];
  const found = args.map((each) =>
    checkDescription(
      'ARG',
      each.args.map(({ name }) => name),
      each,
    ),
  );
  for (const { from, name } of file.stages) found.push(checkDescription('FROM', name === undefined ? [] : [name], from));
  return found.filter((each) => each !== undefined);
}

function checkDescription(
  kind: 'ARG' | 'FROM',
  names: readonly string[],
  { comments, lines }: { readonly comments: readonly string[]; readonly lines: Warning['lines'] },
): Warning | undefined {
  const comment = comments.at(-1);
  const [name] = names;
  if (comment === undefined || name === undefined || names.includes(comment.split(' ')[0] ?? '')) return undefined;
  const example = names.length > 1 ? '<arg_key>' : name;
  return warning('InvalidDefinitionDescription', `Comment for ${kind} should follow the format: \`# ${example} <description>\``, lines);
}

/** The words of FROM: with the client's arguments, and with the file's defaults alone. */
export function checkFrom(file: Dockerfile, options: PlanOptions): Warning[] {
  const globals = globalArguments(file, options);
  const declared = new Set([...globals.keys(), ...file.globalArgs.flatMap(({ args }) => args.map(({ name }) => name))]);
  const defaults = globalArguments(file, { ...options, buildArgs: {} });
  return file.stages.flatMap(({ from, name = '' }) => {
    const found: Warning[] = [];
    const say = (rule: RuleName, message: string): void => void found.push(warning(rule, message, from.lines));
    for (const missing of [from.image, from.platform ?? ''].flatMap((word) => [...expandFrom(file, word, globals).missing])) {
      if (!declared.has(missing)) say('UndefinedArgInFrom', `FROM argument '${missing}' is not declared${suggestion(missing, declared)}`);
    }
    if (!isReference(expandFrom(file, from.image, defaults).text)) {
      say('InvalidDefaultArgInFrom', `Default value for ARG ${from.image} results in empty or invalid base image name`);
    }
    if (from.platform !== undefined) checkPlatform(file, from.platform, name, globals, say);
    return found;
  });
}

function checkPlatform(
  file: Dockerfile,
  written: string,
  stage: string,
  globals: ReadonlyMap<string, string>,
  say: (rule: RuleName, message: string) => void,
): void {
  const { text, used, missing } = expandFrom(file, written, globals);
  if (used.size === 1 && missing.size === 0 && used.has('TARGETPLATFORM') && text === globals.get('TARGETPLATFORM')) {
    say('RedundantTargetPlatform', `Setting platform to predefined ${written} in FROM is redundant as this is the default behavior`);
  }
  if (used.size > 0 || missing.size > 0 || namesPlatform(stage, text)) return;
  say('FromPlatformFlagConstDisallowed', `FROM --platform flag should not use constant value ${JSON.stringify(text)}`);
}

/** A stage that is called after its platform means it. */
function namesPlatform(stage: string, platform: string): boolean {
  try {
    const { os, architecture } = parsePlatform(platform);
    return stage.includes(os) || stage.includes(architecture);
  } catch {
    // Planning says what is wrong with it.
    return true;
  }
}

function isReference(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch {
    return false;
  }
}
