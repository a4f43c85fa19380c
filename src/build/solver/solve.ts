import { isOrlopError, OrlopError, toOrlopError } from '#errors';
import type { ImageConfig } from '#oci';
import { scratchConfig } from '../stages/compile.ts';
import { configKey, copyKey, runKey, workdirKey } from '../cache/keys.ts';
import type { CompiledStage, CopyStep, FileSource, RunStep, StageConfig, StagePlan, Step } from '../model.ts';
import {
  type BaseImage,
  emptyRoot,
  type ImageSource,
  type NamedWork,
  type NewLayer,
  type Root,
  type SolvedStage,
  type SolverPorts,
  type StepContext,
  type Work,
} from '../ports.ts';
import { afterStep, type Outcome, stateOf } from './history.ts';
import { createLimiter } from './limiter.ts';
import { type Numbering, numberLines, resultsOf } from './numbering.ts';

export interface SolveOptions {
  /** A stage's steps, once its base's config is known. */
  readonly compile: (position: number, base: StageConfig | CompiledStage) => CompiledStage;
  readonly noCache: boolean;
  /** Stages, by name, whose steps are done again. */
  readonly noCacheFilter?: readonly string[];
  /** One step at a time, in the order of the file. */
  readonly sequential: boolean;
  /** How many steps run at the same time. */
  readonly parallel: number;
  /** Whose network steps have that ask for none: part of what they depend on. */
  readonly network: string;
  /** Seconds: nothing is younger. */
  readonly epoch?: number;
  readonly signal: AbortSignal;
  /** An error as it is to be told: with the place in the file. */
  readonly explain: (error: OrlopError, step: Step) => OrlopError;
}

/** Instructions that are more than configuration. */
const realSteps: ReadonlySet<string> = new Set(['run', 'copy', 'add', 'workdir']);

/** One build on its way. */
interface Solving {
  readonly plan: StagePlan;
  readonly ports: SolverPorts;
  readonly options: SolveOptions;
  readonly signal: AbortSignal;
  /** The target's stage and those that it stands on. */
  readonly results: ReadonlySet<number>;
  readonly stages: Map<number, Promise<SolvedStage>>;
  readonly images: Map<string, Promise<BaseImage>>;
  readonly lines: Numbering;
  readonly limit: ReturnType<typeof createLimiter>;
  /** A stage has failed: the others are given up. */
  readonly fail: (error: unknown) => void;
}

/**
 * Builds the target of a plan: each stage as soon as what it needs is there, independent ones side by side, each step once, and only when no build has done the same before. The first
 * failure gives up the rest and is what is thrown.
 */
export async function solve(plan: StagePlan, ports: SolverPorts, options: SolveOptions): Promise<SolvedStage> {
  const giveUp = new AbortController();
  const signal = AbortSignal.any([options.signal, giveUp.signal]);
  const limit = createLimiter(options.sequential ? 1 : options.parallel);
  const failures: unknown[] = [];
  const fail = (error: unknown): void => {
    failures.push(error);
    giveUp.abort(error);
  };
  const solving: Solving = {
    plan,
    ports,
    options,
    signal,
    limit,
    fail,
    results: resultsOf(plan),
    stages: new Map(),
    images: new Map(),
    lines: numberLines(plan),
  };
  try {
    if (options.sequential) for (const position of plan.stages.keys()) await stageAt(solving, position);
    return await stageAt(solving, plan.target);
  } catch (error) {
    fail(error);
    // What runs side by side has let go of everything before the build has ended.
    await Promise.allSettled(solving.stages.values());
    throw failures[0];
  }
}

function stageAt(solving: Solving, position: number): Promise<SolvedStage> {
  const running = solving.stages.get(position) ?? solveStage(solving, position);
  solving.stages.set(position, running);
  // Whoever needs it may be waiting for another stage, which would go on in vain.
  running.catch(solving.fail);
  return running;
}

async function solveStage(solving: Solving, position: number): Promise<SolvedStage> {
  const { plan, ports, options } = solving;
  const planned = plan.stages[position];
  if (planned === undefined) throw new OrlopError('internal', 'BUILD_NO_STAGE', `the plan has no stage at ${position}`);
  // Stages that it copies from begin at once, not when their turn comes.
  if (!options.sequential) for (const other of planned.dependsOn) void stageAt(solving, other);
  const name = planned.stage.name ?? '';
  const from = { step: `${position}.0`, text: planned.stage.from.source, instruction: 'FROM', stage: name };
  const line = solving.lines.first[position] ?? 0;
  // ONBUILD triggers of the base may make it more.
  const expected = planned.stage.instructions.filter(({ kind }) => realSteps.has(kind)).length + 1;
  ports.report({ type: 'start', ...from, number: 1, of: expected, line, lines: solving.lines.total, atMs: Date.now() });
  let stage = await beginStage(solving, position, from);
  const compiled = options.compile(position, stage.compiled ?? stage.config);
  stage = { ...stage, compiled };
  const real = compiled.steps.filter(({ kind }) => kind !== 'config').length + 1;
  const triggers = compiled.steps.filter(({ isTrigger }) => isTrigger).length;
  let number = 1;
  for (const [index, step] of compiled.steps.entries()) {
    if (step.kind !== 'config') number++;
    solving.signal.throwIfAborted();
    const of = { step: `${position}.${index + 1}`, stage: name, number: step.kind === 'config' ? 0 : number, of: real };
    // Triggers come before the stage's own steps, and are no lines of the file: they belong to its FROM.
    const at = step.isTrigger ? { line, trigger: { number: index + 1, of: triggers } } : { line: line + index + 1 - triggers };
    stage = await takeStep(solving, stage, step, { ...of, ...at, position });
    if (solving.results.has(position)) ports.images.foresee(stage.root);
  }
  return stage;
}

/** What a stage begins with. Says when it is there, or why not. */
async function beginStage(solving: Solving, position: number, { step }: { readonly step: string }): Promise<SolvedStage> {
  const { report } = solving.ports;
  try {
    const { stage, state } = await findBase(solving, position, step);
    report({ type: 'end', step, atMs: Date.now(), cached: false, state });
    return stage;
  } catch (error) {
    report({ type: 'end', step, atMs: Date.now(), cached: false, state: '', error: toOrlopError(error).message });
    throw error;
  }
}

async function findBase(solving: Solving, position: number, step: string): Promise<{ stage: SolvedStage; state: string }> {
  const { plan, ports } = solving;
  const { base, platform } = plan.stages[position] as StagePlan['stages'][number];
  if (base.kind === 'stage') {
    const stage = await stageAt(solving, base.position);
    return { stage, state: stateOf(stage.root, stage.config) };
  }
  if (base.kind === 'scratch') {
    return {
      stage: { root: emptyRoot, base: emptyRoot, config: scratchConfig(platform), history: [], baseHistory: 0, created: '' },
      state: '',
    };
  }
  const image = await imageOf(solving, base, position, step);
  if (solving.results.has(position)) ports.images.foresee(image.root);
  const { root, history } = image;
  const stage = {
    root,
    base: root,
    config: configOfBase(image.config),
    history,
    baseHistory: history.length,
    created: image.config.created ?? '',
  };
  return { stage, state: image.id.replace(/^.*:/, '') };
}

/** Each image once, whoever asks. */
function imageOf(solving: Solving, source: ImageSource, position: number, step: string): Promise<BaseImage> {
  const { ports, plan } = solving;
  const { platform } = plan.stages[position] as StagePlan['stages'][number];
  const key = JSON.stringify([source, platform]);
  const known = solving.images.get(key);
  if (known !== undefined) return known;
  const asked = ports.images.base(source, platform, contextOf(solving, step));
  asked.catch(() => undefined);
  solving.images.set(key, asked);
  return asked;
}

function contextOf({ ports, signal }: Solving, step: string): StepContext {
  return {
    step,
    signal,
    log: (stream, text) => ports.report({ type: 'log', step, stream, text }),
    progress: (progress) => ports.report({ type: 'progress', step, progress }),
    container: (id) => ports.report({ type: 'container', step, id }),
  };
}

interface StepPlace {
  readonly step: string;
  readonly stage: string;
  readonly number: number;
  readonly of: number;
  readonly line: number;
  readonly trigger?: { readonly number: number; readonly of: number };
  readonly position: number;
}

async function takeStep(solving: Solving, stage: SolvedStage, step: Step, { position, ...place }: StepPlace): Promise<SolvedStage> {
  const { ports, options, lines } = solving;
  const { report } = ports;
  // It begins when it can: what others take is their time.
  for (const from of step.kind === 'config' ? [] : sourcesNamed(step)) if (from.kind === 'stage') await stageAt(solving, from.position);
  report({
    type: 'start',
    text: step.isTrigger ? `ONBUILD ${step.source}` : step.source,
    instruction: step.instruction,
    ...place,
    lines: lines.total,
    atMs: Date.now(),
  });
  try {
    const outcome = await outcomeOf(solving, stage, step, { position, step: place.step });
    const next = afterStep(stage, step, outcome, { epoch: options.epoch, now: ports.now(), classic: options.sequential });
    const state = stateOf(next.root, next.config);
    report({ type: 'end', step: place.step, atMs: Date.now(), cached: outcome.cached, state });
    return next;
  } catch (thrown) {
    const error = solving.signal.aborted && !isOrlopError(thrown) ? cancelled(thrown) : options.explain(toOrlopError(thrown), step);
    report({ type: 'end', step: place.step, atMs: Date.now(), cached: false, state: '', error: error.message });
    throw error;
  }
}

function cancelled(cause: unknown): OrlopError {
  return new OrlopError('cancelled', 'BUILD_CANCELLED', 'the build was cancelled', { cause });
}

const nothing: Outcome = { layer: null, key: null, created: '', cached: false };

async function outcomeOf(
  solving: Solving,
  stage: SolvedStage,
  step: Step,
  place: { readonly position: number; readonly step: string },
): Promise<Outcome> {
  const outcome = await makeOrFind(solving, stage, step, place);
  if (step.kind !== 'copy' || !isLink(step) || outcome.layer === null) return outcome;
  return { ...outcome, layer: { ...outcome.layer, ...solving.ports.executor.putOn(withoutBlob(outcome.layer), stage.root) } };
}

function withoutBlob({ diffId, chainId }: Pick<NewLayer, 'diffId' | 'chainId'>): NewLayer {
  return { diffId, chainId };
}

/** Whether a COPY or ADD makes a layer that does not depend on those below: users by name are looked up there. */
function isLink({ link, chown }: CopyStep): boolean {
  return link && (chown === undefined || /^\d+(?::\d+)?$/.test(chown));
}

async function makeOrFind(
  solving: Solving,
  stage: SolvedStage,
  step: Step,
  { position, step: id }: { position: number; step: string },
): Promise<Outcome> {
  const { ports, options } = solving;
  if (step.kind === 'config') return options.sequential ? rememberConfig(solving, stage, step, { position, id }) : nothing;
  const sources = await sourcesOf(solving, step, position, id);
  // Made on nothing, it is the same whatever it is put on.
  const isLinked = step.kind === 'copy' && isLink(step);
  const work: Work = {
    root: isLinked ? emptyRoot : stage.root,
    sources,
    isResult: solving.results.has(position),
    context: contextOf(solving, id),
  };
  const taken = step.kind === 'copy' ? await ports.executor.digestSources(step, work) : undefined;
  const key = await keyOf(solving, step, work, taken);
  const anew = options.noCache || isAnew(solving, position);
  const on = { ...work, description: step.createdBy ?? step.source };
  const known = anew ? null : await ports.cache.get(key, on);
  if (known !== null) return { ...known, key, taken, cached: true };
  const made = await ports.cache.alone(key, () => solving.limit(() => carryOut(solving, step, on, key)));
  if (made !== undefined) return { ...made, taken };
  // Another build was at it and may have failed: then it is this one's turn.
  const found = anew ? null : await ports.cache.get(key, on);
  const last = found === null ? await solving.limit(() => carryOut(solving, step, on, key)) : { ...found, key, cached: true };
  return { ...last, taken };
}

/** Docker's first builder finds configuration again like anything else: an image of nothing else is the same image the next time, unless it is made anew. */
async function rememberConfig(
  solving: Solving,
  stage: SolvedStage,
  step: Extract<Step, { kind: 'config' }>,
  { position, id }: { readonly position: number; readonly id: string },
): Promise<Outcome> {
  const { ports, options } = solving;
  const description = step.createdBy ?? step.source;
  const key = configKey(stage.root, [stage.config, stage.created, description]);
  const work = { root: stage.root, sources: () => nowhere, isResult: false, context: contextOf(solving, id), description };
  const known = options.noCache || isAnew(solving, position) ? null : await ports.cache.get(key, work);
  if (known !== null) return { layer: null, key, created: known.created, cached: true };
  if (step.volumes !== undefined) await ports.executor.checkVolumes(step.volumes, stage.root);
  const created = ports.now();
  ports.cache.put(key, { layer: null, created, description }, work);
  return { layer: null, key, created, cached: false };
}

/** Configuration takes no files. */
const nowhere = { kind: 'root', root: emptyRoot } as const;

function isAnew({ plan, options }: Solving, position: number): boolean {
  const name = plan.stages[position]?.stage.name;
  return name !== undefined && options.noCacheFilter?.some((one) => one.toLowerCase() === name.toLowerCase()) === true;
}

async function carryOut(solving: Solving, step: Exclude<Step, { kind: 'config' }>, work: NamedWork, key: string): Promise<Outcome> {
  const { executor, cache, now } = solving.ports;
  solving.signal.throwIfAborted();
  const layer =
    step.kind === 'run'
      ? await executor.run(step, work)
      : step.kind === 'copy'
        ? await executor.copy(step, work)
        : await executor.makeDirectory(step, work);
  const created = now();
  const made = { layer: layer === null ? null : { ...layer, descriptor: layer.descriptor ?? null }, created };
  cache.put(key, { ...made, description: work.description }, work);
  return { ...made, key, cached: false };
}

async function keyOf({ options, ports }: Solving, step: Exclude<Step, { kind: 'config' }>, work: Work, taken = ''): Promise<string> {
  const epoch = options.epoch === undefined ? {} : { epoch: options.epoch };
  // Docker's first builder makes it root's, whoever the user is.
  if (step.kind === 'workdir')
    return workdirKey(step, work.root, { owner: options.sequential ? '' : (step.config.config?.User ?? ''), ...epoch });
  if (step.kind === 'copy') return copyKey(step, work.root, { sources: taken, ...epoch });
  const sources: (string | null)[] = [];
  for (const mount of step.mounts) {
    const from = mount.type === 'bind' ? mount.from : mount.type === 'cache' ? mount.from : undefined;
    const source = mount.type === 'bind' || mount.type === 'cache' ? (mount.source ?? '/') : '/';
    sources.push(from === undefined || from.kind === 'scratch' ? null : await ports.executor.digestMount(from, source, work));
  }
  const network = step.network === 'default' ? options.network : step.network;
  return runKey(step, work.root, { sources, network, ...epoch });
}

/** Waits for the stages and images that the step takes files from. */
async function sourcesOf(
  solving: Solving,
  step: Exclude<Step, { kind: 'config' }>,
  position: number,
  id: string,
): Promise<Work['sources']> {
  const roots = new Map<string, Root>();
  for (const from of sourcesNamed(step)) {
    if (from.kind === 'stage') roots.set(JSON.stringify(from), (await stageAt(solving, from.position)).root);
    else if (from.kind === 'image')
      roots.set(JSON.stringify(from), (await imageOf(solving, { kind: 'image', reference: from.reference }, position, id)).root);
  }
  return (from) => {
    if (from.kind === 'context') return { kind: 'context', name: null };
    if (from.kind === 'named-context') return { kind: 'context', name: from.name };
    return { kind: 'root', root: roots.get(JSON.stringify(from)) ?? emptyRoot };
  };
}

function sourcesNamed(step: Exclude<Step, { kind: 'config' }>): FileSource[] {
  if (step.kind === 'copy') return [(step satisfies CopyStep).from];
  if (step.kind === 'workdir') return [];
  return (step satisfies RunStep).mounts.flatMap((mount) =>
    mount.type === 'bind' ? [mount.from] : mount.type === 'cache' ? (mount.from ?? []) : [],
  );
}

/** The config of a base image as a stage begins with it. */
export function configOfBase({ architecture, os, variant, author, config }: ImageConfig): StageConfig {
  return {
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    ...(author === undefined ? {} : { author }),
    ...(config === undefined ? {} : { config }),
  };
}
