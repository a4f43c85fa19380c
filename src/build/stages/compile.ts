import { formatPlatform, normalizePlatform, type Platform } from '#oci';
import { parseTrigger } from '../dockerfile/parse.ts';
import type { CompiledStage, IgnoreMatcher, Instruction, StageConfig, StagePlan, StageScope, Step } from '../model.ts';
import { proxyEnvironment } from './arguments.ts';
import {
  compileCmd,
  compileEntrypoint,
  compileExpose,
  compileHealthcheck,
  compileMaintainer,
  compileOnbuild,
  compileShell,
  compileStopsignal,
  compileUser,
  compileVolume,
  compileWorkdir,
} from './config.ts';
import { compileCopy } from './copy.ts';
import { compileRun } from './run.ts';
import { atInstruction, configure, type StageState, warn } from './state.ts';
import { compileArg, compileEnv, compileLabel, cutVariable, setVariable } from './variables.ts';

/** What programs of an image without PATH are looked for in. */
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface CompileOptions {
  /** The context's .dockerignore, for the check that nobody copies what it hides. */
  readonly ignore?: IgnoreMatcher;
  /** False when `base` is only a guess: then unknown variables are no mistake. Preset: true. */
  readonly knowsBase?: boolean;
  /** As Docker's first builder: what RUN changes in volumes is thrown away, WORKDIR stays as it is written. Preset: false. */
  readonly classic?: boolean;
}

/** The config that FROM scratch begins with. */
export function scratchConfig(platform: Platform): StageConfig {
  const { os, architecture, variant } = normalizePlatform(platform);
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/**
 * The steps of one planned stage, each concrete. `base` is the config of its base image, `scratchConfig`, or what this function gave for the
 * stage that it is built on. The base's ONBUILD triggers are its first steps, and are not inherited further.
 *
 * Fails with invalid-argument `BUILD_BAD_DOCKERFILE` where an expanded word means nothing, and with failed-precondition
 * `BUILD_PLAN_INCOMPLETE` when triggers copy from what the plan does not have: then `planStages` wants them in its options.
 */
export function compileStage(
  plan: StagePlan,
  position: number,
  base: StageConfig | CompiledStage,
  options: CompileOptions = {},
): CompiledStage {
  const state = beginStage(plan, position, base, options);
  const { from, instructions } = state.planned.stage;
  const triggers = state.config.config?.OnBuild ?? [];
  configure(state, { OnBuild: undefined });
  const steps: Step[] = [];
  const place = { text: plan.file.text, lines: from.lines };
  const parsed = state.planned.isReplaced ? [] : triggers.map((trigger) => parseTrigger(trigger, place));
  for (const instruction of parsed) steps.push(compileInstruction(state, instruction, true, options));
  for (const instruction of instructions) steps.push(compileInstruction(state, instruction, false, options));
  const scope: StageScope = { env: state.env, args: state.args, hasWorkdir: state.hasWorkdir };
  return { steps, config: state.config, warnings: state.warnings, scope };
}

function beginStage(plan: StagePlan, position: number, base: StageConfig | CompiledStage, options: CompileOptions): StageState {
  const planned = plan.stages[position];
  if (planned === undefined) throw new RangeError(`the plan has no stage at ${position}`);
  const inherited = 'scope' in base ? base.scope : undefined;
  const state: StageState = {
    plan,
    planned,
    env: new Map(inherited?.env),
    args: [...(inherited?.args ?? [])],
    globals: plan.globals,
    proxyEnv: proxyEnvironment(plan.options.buildArgs),
    warnings: [],
    knowsBase: options.knowsBase ?? true,
    classic: options.classic ?? false,
    config: withPlatform('scope' in base ? base.config : base),
    hasWorkdir: inherited?.hasWorkdir ?? false,
    expanded: 0,
    copied: 0,
    last: new Map(),
  };
  const env = state.config.config?.Env ?? [];
  if (!env.some((pair) => cutVariable(pair).name === 'PATH')) configure(state, { Env: [...env, `PATH=${defaultPath}`] });
  for (const pair of state.config.config?.Env ?? []) {
    const { name, value } = cutVariable(pair);
    setVariable(state, name, value);
  }
  if (planned.base.kind === 'image') warnOfPlatform(state, planned.base.reference);
  return state;
}

/** Only what a StageConfig has: an image's layers and history are not the stage's. */
function withPlatform({ author, architecture, os, variant, config }: StageConfig): StageConfig {
  return {
    ...(author === undefined ? {} : { author }),
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    ...(config === undefined ? {} : { config }),
  };
}

function warnOfPlatform(state: StageState, reference: string): void {
  const wanted = state.planned.platform;
  const { os, architecture, variant } = state.config;
  if (!state.knowsBase || (wanted.os === os && wanted.architecture === architecture)) return;
  const actual = formatPlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) });
  const message = `Base image ${reference} was pulled with platform ${JSON.stringify(actual)}, expected ${JSON.stringify(formatPlatform(wanted))} for current build`;
  warn(state, 'InvalidBaseImagePlatform', message, state.planned.stage.from.lines);
}

function compileInstruction(state: StageState, instruction: Instruction, isTrigger: boolean, options: CompileOptions): Step {
  return atInstruction(state, instruction, () => {
    switch (instruction.kind) {
      case 'add':
      case 'copy':
        return compileCopy(state, instruction, { isTrigger, ...(options.ignore === undefined ? {} : { ignore: options.ignore }) });
      case 'arg':
        return compileArg(state, instruction, isTrigger);
      case 'cmd':
        return compileCmd(state, instruction, isTrigger);
      case 'entrypoint':
        return compileEntrypoint(state, instruction, isTrigger);
      case 'env':
        return compileEnv(state, instruction, isTrigger);
      case 'expose':
        return compileExpose(state, instruction, isTrigger);
      case 'healthcheck':
        return compileHealthcheck(state, instruction, isTrigger);
      case 'label':
        return compileLabel(state, instruction, isTrigger);
      case 'maintainer':
        return compileMaintainer(state, instruction, isTrigger);
      case 'onbuild':
        return compileOnbuild(state, instruction, isTrigger);
      case 'run':
        return compileRun(state, instruction, isTrigger);
      case 'shell':
        return compileShell(state, instruction, isTrigger);
      case 'stopsignal':
        return compileStopsignal(state, instruction, isTrigger);
      case 'user':
        return compileUser(state, instruction, isTrigger);
      case 'volume':
        return compileVolume(state, instruction, isTrigger);
      case 'workdir':
        return compileWorkdir(state, instruction, isTrigger);
    }
  });
}
