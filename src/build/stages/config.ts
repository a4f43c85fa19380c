import type { Healthcheck } from '#oci';
import type {
  CmdInstruction,
  ConfigStep,
  EntrypointInstruction,
  ExposeInstruction,
  HealthcheckInstruction,
  InstructionBase,
  MaintainerInstruction,
  OnbuildInstruction,
  ShellInstruction,
  StopsignalInstruction,
  UserInstruction,
  VolumeInstruction,
  WorkdirInstruction,
  WorkdirStep,
} from '../model.ts';
import { mistake } from '../dockerfile/errors.ts';
import { formatGoDuration, goQuote, goQuoteList, goQuoteNumber } from './go-text.ts';
import { fromWorkdir } from './paths.ts';
import { parseExposedPorts } from './ports.ts';
import { checkSignal } from './signals.ts';
import { configure, countCopies, shellOf, type StageState, stepBase, warn, warner, wordsOf, workdirOf } from './state.ts';

/** Each of these changes the config as its instruction says, and makes the step that says so in history. */

export function compileCmd(state: StageState, instruction: CmdInstruction, isTrigger: boolean): ConfigStep {
  warnOfSecond(state, instruction);
  const argv = commandOf(state, instruction);
  configure(state, { Cmd: argv, ArgsEscaped: state.classic ? undefined : true });
  return step(state, instruction, `CMD ${goQuoteList(argv)}`, isTrigger);
}

/** Without a CMD of this stage's own, the base's CMD goes: it was for the base's entrypoint. */
export function compileEntrypoint(state: StageState, instruction: EntrypointInstruction, isTrigger: boolean): ConfigStep {
  warnOfSecond(state, instruction);
  const argv = commandOf(state, instruction);
  configure(state, { Entrypoint: argv.length === 0 ? undefined : argv, ...(state.last.has('cmd') ? {} : { Cmd: undefined }) });
  return step(state, instruction, `ENTRYPOINT ${goQuoteList(argv)}`, isTrigger);
}

function commandOf(state: StageState, instruction: CmdInstruction | EntrypointInstruction): readonly string[] {
  const { command, keyword, lines } = instruction;
  if (command.form === 'exec') return command.argv;
  if ((state.config.config?.Shell ?? []).length === 0) {
    const message = `JSON arguments recommended for ${keyword} to prevent unintended behavior related to OS signals`;
    warn(state, 'JSONArgsRecommended', message, lines);
  }
  return [...shellOf(state), command.text];
}

export function compileHealthcheck(state: StageState, instruction: HealthcheckInstruction, isTrigger: boolean): ConfigStep {
  warnOfSecond(state, instruction);
  configure(state, { Healthcheck: instruction.health });
  return step(state, instruction, `HEALTHCHECK ${describeHealth(instruction.health)}`, isTrigger);
}

/** Go's `%q` of the whole structure. */
function describeHealth({ Test = [], Interval = 0, Timeout = 0, StartPeriod = 0, StartInterval = 0, Retries = 0 }: Healthcheck): string {
  const durations = [Interval, Timeout, StartPeriod, StartInterval].map((each) => goQuote(formatGoDuration(each)));
  return `&{${[goQuoteList(Test), ...durations, goQuoteNumber(Retries)].join(' ')}}`;
}

/** Of several in one stage only the last counts; the one before it is blamed. */
function warnOfSecond(state: StageState, instruction: CmdInstruction | EntrypointInstruction | HealthcheckInstruction): void {
  const before = state.last.get(instruction.kind);
  if (before !== undefined) {
    const message = `Multiple ${instruction.keyword} instructions should not be used in the same stage because only the last one will be used`;
    warn(state, 'MultipleInstructionsDisallowed', message, before);
  }
  state.last.set(instruction.kind, instruction.lines);
}

export function compileExpose(state: StageState, instruction: ExposeInstruction, isTrigger: boolean): ConfigStep {
  const words = wordsOf(state, instruction.lines);
  const ports: string[] = [];
  const written = instruction.ports.flatMap((port) => words.list(port));
  for (const text of written) {
    const parsed = parseExposedPorts(text, warner(state), instruction.lines);
    countCopies(state, parsed.length);
    for (const port of parsed) ports.push(port);
  }
  const exposed = { ...state.config.config?.ExposedPorts, ...Object.fromEntries(ports.map((port) => [port, {}])) };
  countCopies(state, Object.keys(exposed).length);
  configure(state, { ExposedPorts: exposed });
  return step(state, instruction, state.classic ? `EXPOSE ${written.toSorted().join(' ')}` : `EXPOSE [${ports.join(' ')}]`, isTrigger);
}

export function compileUser(state: StageState, instruction: UserInstruction, isTrigger: boolean): ConfigStep {
  const user = wordsOf(state, instruction.lines).word(instruction.user);
  configure(state, { User: user });
  return step(state, instruction, `USER ${user}`, isTrigger);
}

export function compileVolume(state: StageState, instruction: VolumeInstruction, isTrigger: boolean): ConfigStep {
  const words = wordsOf(state, instruction.lines);
  const volumes = instruction.volumes.map((volume) => words.word(volume));
  if (volumes.includes('')) throw mistake('VOLUME specified can not be an empty string');
  const all = { ...state.config.config?.Volumes, ...Object.fromEntries(volumes.map((volume) => [volume, {}])) };
  countCopies(state, Object.keys(all).length);
  configure(state, { Volumes: all });
  return { ...step(state, instruction, `VOLUME [${volumes.join(' ')}]`, isTrigger), volumes };
}

export function compileStopsignal(state: StageState, instruction: StopsignalInstruction, isTrigger: boolean): ConfigStep {
  const signal = wordsOf(state, instruction.lines).word(instruction.signal);
  checkSignal(signal);
  configure(state, { StopSignal: signal });
  return step(state, instruction, `STOPSIGNAL ${signal}`, isTrigger);
}

export function compileShell(state: StageState, instruction: ShellInstruction, isTrigger: boolean): ConfigStep {
  configure(state, { Shell: instruction.shell });
  return step(state, instruction, `SHELL [${instruction.shell.join(' ')}]`, isTrigger);
}

export function compileOnbuild(state: StageState, instruction: OnbuildInstruction, isTrigger: boolean): ConfigStep {
  const triggers = [...(state.config.config?.OnBuild ?? []), instruction.trigger];
  countCopies(state, triggers.length);
  configure(state, { OnBuild: triggers });
  return step(state, instruction, null, isTrigger);
}

export function compileMaintainer(state: StageState, instruction: MaintainerInstruction, isTrigger: boolean): ConfigStep {
  warn(state, 'MaintainerDeprecated', 'Maintainer instruction is deprecated in favor of using label', instruction.lines);
  state.config = { ...state.config, author: instruction.name };
  return step(state, instruction, `MAINTAINER ${instruction.name}`, isTrigger);
}

/** Relative to the directory so far. `/` is always there and needs no layer. */
export function compileWorkdir(state: StageState, instruction: WorkdirInstruction, isTrigger: boolean): ConfigStep | WorkdirStep {
  const written = wordsOf(state, instruction.lines).word(instruction.path);
  if (!state.hasWorkdir && !written.startsWith('/')) {
    const message = `Relative workdir ${JSON.stringify(written)} can have unexpected results if the base image changes`;
    warn(state, 'WorkdirRelativePath', message, instruction.lines);
  }
  state.hasWorkdir = true;
  const path = fromWorkdir(workdirOf(state), written);
  const kept = state.classic && written.startsWith('/') ? written : path;
  configure(state, { WorkingDir: kept });
  if (path === '/') return step(state, instruction, `WORKDIR ${kept}`, isTrigger);
  return { kind: 'workdir', ...stepBase(state, instruction, `WORKDIR ${kept}`, { isTrigger, emptyLayer: false }), path };
}

function step(state: StageState, instruction: InstructionBase, createdBy: string | null, isTrigger: boolean): ConfigStep {
  return { kind: 'config', ...stepBase(state, instruction, createdBy, { isTrigger }) };
}
