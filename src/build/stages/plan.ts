import { OrlopError } from '#errors';
import { parsePlatform, type Platform } from '#oci';
import { locating, mistake } from '../dockerfile/errors.ts';
import { expand, type Expansion } from '../dockerfile/expand.ts';
import type { Instruction, Lines } from '../dockerfile/model.ts';
import { parseTrigger } from '../dockerfile/parse.ts';
import { suggestion } from '../dockerfile/suggest.ts';
import type { BaseSource, Dockerfile, PlannedStage, PlanOptions, SourceRef, Stage, StagePlan } from '../model.ts';
import { globalArguments, isPredefined, ownValue } from './arguments.ts';
import { findContext, findStage, type Named, resolveCopySource, resolveMountSource, resolveOutside, stageTitle } from './names.ts';

/** A stage and what it needs, before it is known which stages are needed. */
interface Node {
  readonly stage: Stage;
  readonly isReplaced: boolean;
  readonly base: Exclude<BaseSource, { kind: 'stage' }> | { readonly kind: 'stage'; readonly index: number };
  readonly platform: Platform;
  /** What it copies and mounts from, with the instruction that does. */
  readonly needs: readonly { readonly named: Named; readonly lines: Lines }[];
}

/**
 * Which stages the target needs, in the file's order, which is one that fits: nobody may copy from a later stage. Names and platforms in
 * FROM are expanded with global ARGs. All stages are checked, needed or not, as BuildKit does. Fails with invalid-argument
 * `BUILD_BAD_DOCKERFILE` (unknown or circular stages, names that cannot be images', empty names), and with unimplemented
 * `BUILD_UNKNOWN_FRONTEND` when the file wants to be read by another frontend.
 */
export function planStages(file: Dockerfile, options: PlanOptions): StagePlan {
  const globals = globalArguments(file, options);
  const nodes: Node[] = [];
  refuseFrontend(ownValue(options.buildArgs, 'BUILDKIT_SYNTAX') ?? file.directives.syntax);
  refuseManyTriggers(file);
  for (const stage of file.stages) {
    const { lines } = stage.from;
    nodes.push(locating(file.text, lines, () => planStage(file, options, globals, nodes, stage)));
  }
  const target = findTarget(file, options.target);
  refuseCircles(file, nodes);
  const needed = options.everyStage === true ? [...nodes.keys()] : [...collectNeeded(nodes, target)].sort((a, b) => a - b);
  for (const index of needed) refuseLater(file, nodes, index);
  const positions = new Map(needed.map((index, position) => [index, position]));
  return {
    file,
    options,
    stages: needed.map((index) => place(nodes, index, positions, options.platform)),
    target: positions.get(target) ?? 0,
    unusedBuildArgs: findUnused(file, options, nodes),
    globals,
  };
}

/**
 * `# syntax=`, or the build argument BUILDKIT_SYNTAX in its place, names an image that understands the file. Dockerfiles need none here, of whatever version and from whatever mirror; what another
 * one would understand is another language.
 */
function refuseFrontend(syntax: string | undefined): void {
  const [image = ''] = (syntax ?? '').split(' ');
  const name =
    image
      .replace(/@.*$/, '')
      .replace(/:[^/:]*$/, '')
      .split('/')
      .at(-1) ?? '';
  if (syntax === undefined || /^dockerfile(?:-upstream)?$/.test(name)) return;
  throw new OrlopError(
    'unimplemented',
    'BUILD_UNKNOWN_FRONTEND',
    `the frontend ${JSON.stringify(image)} is not supported: files are read as Dockerfiles only`,
    {
      hint: 'remove the line # syntax=, or write # syntax=docker/dockerfile:1',
    },
  );
}

/** So many that all stages together read in a second. */
const mostTriggers = 20_000;

/** Each stage on top of another reads that one's triggers. */
function refuseManyTriggers(file: Dockerfile): void {
  const counts = file.stages.map(({ instructions }) => instructions.filter(({ kind }) => kind === 'onbuild').length);
  if (Math.max(...counts) * file.stages.length > mostTriggers) throw mistake('too many stages for so many ONBUILD triggers');
}

function planStage(
  file: Dockerfile,
  options: PlanOptions,
  globals: ReadonlyMap<string, string>,
  before: readonly Node[],
  stage: Stage,
): Node {
  const name = expandFrom(file, stage.from.image, globals).text;
  if (name === '') throw mistake(`base name (${stage.from.image}) should not be blank`, 'give the ARG a value, before the first FROM');
  const ownPlatform = stage.from.platform === undefined ? undefined : readPlatform(file, stage.from.platform, globals);
  const replacement = stage.name === undefined ? undefined : findContext(options.namedContexts, stage.name);
  if (replacement !== undefined) {
    const base = { kind: 'context', name: replacement } as const;
    return { stage: { ...stage, instructions: [] }, isReplaced: true, base, platform: ownPlatform ?? options.platform, needs: [] };
  }
  const index = findStage(file, name, stage.index);
  const below = index === undefined ? undefined : before[index];
  if (index !== undefined && below !== undefined) {
    // A stage on a stage has that one's platform, whatever its own flag says.
    const needs = listNeeds(file, options, [...stageTriggers(file, below.stage, stage.from.lines), ...stage.instructions]);
    return { stage, isReplaced: false, base: { kind: 'stage', index }, platform: below.platform, needs };
  }
  const base = resolveOutside(options.namedContexts, name, stage.from.image);
  const known =
    base.kind === 'image' ? options.triggers?.get(base.reference) : base.kind === 'context' ? options.triggers?.get(base.name) : [];
  const triggers = (known ?? []).map((trigger) => parseTrigger(trigger, { text: file.text, lines: stage.from.lines }));
  const platform = base.kind === 'scratch' ? options.platform : (ownPlatform ?? options.platform);
  return { stage, isReplaced: false, base, platform, needs: listNeeds(file, options, [...triggers, ...stage.instructions]) };
}

/** A word of FROM, with the global arguments. */
export function expandFrom(file: Dockerfile, word: string, globals: ReadonlyMap<string, string>): Expansion {
  return expand(word, { variables: globals, escape: file.directives.escape });
}

function readPlatform(file: Dockerfile, text: string, globals: ReadonlyMap<string, string>): Platform {
  const { text: platform, missing } = expandFrom(file, text, globals);
  const meant = [...missing].map((name) => suggestion(name, globals.keys())).find((words) => words !== '') ?? '';
  if (platform === '') throw mistake(`empty platform value from expression ${text}${meant}`);
  try {
    return parsePlatform(platform);
  } catch (error) {
    throw mistake(`failed to parse platform ${text}: ${error instanceof Error ? error.message : String(error)}${meant}`);
  }
}

function stageTriggers(file: Dockerfile, stage: Stage, lines: Lines): Instruction[] {
  const triggers = stage.instructions.flatMap((instruction) => (instruction.kind === 'onbuild' ? [instruction.trigger] : []));
  return triggers.map((trigger) => parseTrigger(trigger, { text: file.text, lines }));
}

function listNeeds(file: Dockerfile, options: PlanOptions, instructions: readonly Instruction[]): Node['needs'] {
  return instructions.flatMap((instruction) =>
    locating(file.text, instruction.lines, () => namesOf(file, options, instruction)).map((named) => ({ named, lines: instruction.lines })),
  );
}

function namesOf(file: Dockerfile, { namedContexts }: PlanOptions, instruction: Instruction): Named[] {
  if (instruction.kind === 'copy') {
    return instruction.from === undefined ? [] : [resolveCopySource(file, namedContexts, instruction.from)];
  }
  if (instruction.kind !== 'run') return [];
  return instruction.mounts.flatMap(({ from }) => (from === undefined ? [] : [resolveMountSource(file, namedContexts, from)]));
}

function findTarget(file: Dockerfile, target: string | undefined): number {
  if (target === undefined || target === '') return file.stages.length - 1;
  const index = findStage(file, target.toLowerCase()) ?? (/^\d+$/.test(target) ? Number(target) : undefined);
  if (index !== undefined && index < file.stages.length) return index;
  const names = file.stages.flatMap(({ name }) => (name === undefined ? [] : [name]));
  throw mistake(
    `target stage ${JSON.stringify(target)} could not be found${suggestion(target, names, { ignoreCase: true })}`,
    names.length === 0 ? 'no stage has a name' : `the stages are ${names.join(', ')}`,
  );
}

/** The indices of the stages that one copies from, mounts or is built on. */
function stageIndices({ base, needs }: Node): number[] {
  const copied = needs.flatMap(({ named }) => (named.kind === 'stage' ? [named.index] : []));
  return base.kind === 'stage' ? [base.index, ...copied] : copied;
}

function collectNeeded(nodes: readonly Node[], target: number): Set<number> {
  const needed = new Set([target]);
  // A set yields what is added while it is walked.
  for (const index of needed) for (const other of nodes[index] === undefined ? [] : stageIndices(nodes[index])) needed.add(other);
  return needed;
}

function refuseLater(file: Dockerfile, nodes: readonly Node[], index: number): void {
  for (const { named, lines } of nodes[index]?.needs ?? []) {
    if (named.kind !== 'stage' || named.index < index) continue;
    locating(file.text, lines, () => {
      const [from, to] = [stageTitle(file, named.index), stageTitle(file, index)];
      throw mistake(`cannot copy from stage ${JSON.stringify(from)}, it needs to be defined before current stage ${JSON.stringify(to)}`);
    });
  }
}

/** Circles can only be of COPY and mounts: a base is always an earlier stage. Copying from oneself is one. */
function refuseCircles(file: Dockerfile, nodes: readonly Node[]): void {
  const done = new Set<number>();
  const visit = (start: number): void => {
    // Depth first without recursion: files may have thousands of stages.
    const path: { readonly index: number; readonly rest: { named: Named; lines: Lines }[] }[] = [];
    const enter = (index: number): void => void path.push({ index, rest: [...(nodes[index]?.needs ?? [])] });
    enter(start);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const need = top.rest.shift();
      if (need === undefined) {
        done.add(top.index);
        path.pop();
      } else if (need.named.kind === 'stage' && !done.has(need.named.index)) {
        const { index } = need.named;
        if (path.some((entry) => entry.index === index)) {
          locating(file.text, need.lines, () => {
            throw mistake(`circular dependency detected on stage: ${stageTitle(file, start)}`);
          });
        }
        enter(index);
      }
    }
  };
  for (const index of nodes.keys()) if (!done.has(index)) visit(index);
}

function place(nodes: readonly Node[], index: number, positions: ReadonlyMap<number, number>, target: Platform): PlannedStage {
  const node = nodes[index];
  if (node === undefined) throw new TypeError(`no stage ${index}`);
  const position = (of: number): number => positions.get(of) ?? 0;
  return {
    stage: node.stage,
    isReplaced: node.isReplaced,
    base: node.base.kind === 'stage' ? { kind: 'stage', position: position(node.base.index) } : node.base,
    platform: node.platform,
    dependsOn: [...new Set(stageIndices(node).map(position))].sort((a, b) => a - b),
    sources: listSources(node, target),
  };
}

function listSources({ needs }: Node, platform: Platform): SourceRef[] {
  const sources = new Map<string, SourceRef>();
  for (const { named } of needs) {
    if (named.kind === 'image') sources.set(`image ${named.reference}`, { kind: 'image', reference: named.reference, platform });
    if (named.kind === 'context') sources.set(`context ${named.name}`, { kind: 'named-context', name: named.name });
  }
  return [...sources.values()];
}

function findUnused(file: Dockerfile, options: PlanOptions, nodes: readonly Node[]): string[] {
  const instructions = [...file.globalArgs, ...nodes.flatMap(({ stage }) => file.stages[stage.index]?.instructions ?? [])];
  const triggers = [...(options.triggers?.values() ?? [])].flat();
  const asked = new Set(instructions.flatMap((each) => (each.kind === 'arg' ? each.args.map(({ name }) => name) : [])));
  for (const trigger of triggers) {
    const instruction = parseTrigger(trigger, { text: trigger, lines: { first: 1, last: 1 } });
    if (instruction.kind === 'arg') for (const { name } of instruction.args) asked.add(name);
  }
  return Object.keys(options.buildArgs).filter((name) => !asked.has(name) && !isPredefined(name));
}
