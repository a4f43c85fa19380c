import { soundsSecret } from '../check/secrets.ts';
import type { ArgInstruction, ConfigStep, EnvInstruction, LabelInstruction } from '../model.ts';
import { ownValue } from './arguments.ts';
import { configure, countCopies, isScanArgument, type StageState, stepBase, warn, wordsOf } from './state.ts';

/** All words of one ENV see the variables from before it (Dockerfile reference, "Environment replacement"). */
export function compileEnv(state: StageState, instruction: EnvInstruction, isTrigger: boolean): ConfigStep {
  const pairs = expandPairs(state, instruction);
  const env = [...(state.config.config?.Env ?? [])];
  const places = new Map(env.map((pair, index) => [cutVariable(pair).name, index]));
  for (const { key, value } of pairs) {
    warnOfSecret(state, 'ENV', key, instruction);
    setVariable(state, key, value);
    // A variable that is set again keeps its place in the config.
    const place = places.get(key) ?? env.length;
    places.set(key, place);
    env[place] = `${key}=${value}`;
  }
  countCopies(state, env.length);
  configure(state, { Env: env });
  return { kind: 'config', ...stepBase(state, instruction, ['ENV', ...pairs.map(formatPair)].join(' '), { isTrigger }) };
}

export function compileLabel(state: StageState, instruction: LabelInstruction, isTrigger: boolean): ConfigStep {
  const pairs = expandPairs(state, instruction);
  const labels = { ...state.config.config?.Labels, ...Object.fromEntries(pairs.map(({ key, value }) => [key, value])) };
  countCopies(state, Object.keys(labels).length);
  configure(state, { Labels: labels });
  return { kind: 'config', ...stepBase(state, instruction, ['LABEL', ...pairs.map(formatPair)].join(' '), { isTrigger }) };
}

interface Pair {
  readonly key: string;
  readonly value: string;
}

function formatPair({ key, value }: Pair): string {
  return `${key}=${value}`;
}

function expandPairs(state: StageState, instruction: EnvInstruction | LabelInstruction): Pair[] {
  if (instruction.legacy) {
    const name = instruction.keyword;
    warn(
      state,
      'LegacyKeyValueFormat',
      `"${name} key=value" should be used instead of legacy "${name} key value" format`,
      instruction.lines,
    );
  }
  const words = wordsOf(state, instruction.lines);
  return instruction.pairs.map(({ key, value }) => ({ key: words.word(key), value: words.word(value) }));
}

/**
 * The value of an ARG: the client's; else its own default, expanded; else that of the global ARG of its name, predefined ones included. It
 * counts from here on, also for RUN. A default that nobody needs is not expanded, so it cannot fail.
 */
export function compileArg(state: StageState, instruction: ArgInstruction, isTrigger: boolean): ConfigStep {
  const { buildArgs } = state.plan.options;
  const texts: string[] = [];
  for (const { name, value: preset } of instruction.args) {
    warnOfSecret(state, 'ARG', name, instruction);
    const given = ownValue(buildArgs, name) ?? (preset === undefined ? state.globals.get(name) : undefined);
    const value = given ?? (preset === undefined ? undefined : wordsOf(state, instruction.lines).word(preset));
    if (value !== undefined && !isScanArgument(name)) setVariable(state, name, value);
    if (!state.args.includes(name)) state.args.push(name);
    countCopies(state, state.args.length);
    texts.push(value === undefined ? name : `${name}=${value}`);
  }
  return { kind: 'config', ...stepBase(state, instruction, `ARG ${texts.join(' ')}`, { isTrigger }) };
}

/** A variable that is set again moves to the end, as BuildKit orders what RUN gets. */
export function setVariable(state: Pick<StageState, 'env'>, name: string, value: string): void {
  state.env.delete(name);
  state.env.set(name, value);
}

export function cutVariable(pair: string): { readonly name: string; readonly value: string } {
  const equals = pair.indexOf('=');
  return equals < 0 ? { name: pair, value: '' } : { name: pair.slice(0, equals), value: pair.slice(equals + 1) };
}

function warnOfSecret(state: StageState, name: 'ARG' | 'ENV', key: string, { lines }: ArgInstruction | EnvInstruction): void {
  if (!soundsSecret(key)) return;
  warn(state, 'SecretsUsedInArgOrEnv', `Do not use ARG or ENV instructions for sensitive data (${name} ${JSON.stringify(key)})`, lines);
}
