import { OrlopError } from '#errors';
import type { ContainerConfig, Healthcheck } from '#oci';

type Apply = (config: ContainerConfig, rest: string) => ContainerConfig;

const instructions: Readonly<Record<string, Apply>> = {
  CMD: (config, rest) => ({ ...config, Cmd: commandOf(rest) }),
  ENTRYPOINT: (config, rest) => ({ ...config, Entrypoint: commandOf(rest) }),
  ENV: (config, rest) => ({ ...config, Env: mergeEnv(config.Env ?? [], pairsOf(rest)) }),
  EXPOSE: (config, rest) => ({ ...config, ExposedPorts: { ...config.ExposedPorts, ...setOf(splitWords(rest).map(portOf)) } }),
  HEALTHCHECK: (config, rest) => ({ ...config, Healthcheck: healthCheckOf(rest) }),
  LABEL: (config, rest) => ({ ...config, Labels: { ...config.Labels, ...Object.fromEntries(pairsOf(rest)) } }),
  ONBUILD: (config, rest) => ({ ...config, OnBuild: [...(config.OnBuild ?? []), rest] }),
  STOPSIGNAL: (config, rest) => ({ ...config, StopSignal: rest }),
  USER: (config, rest) => ({ ...config, User: rest }),
  VOLUME: (config, rest) => ({ ...config, Volumes: { ...config.Volumes, ...setOf(listOf(rest) ?? splitWords(rest)) } }),
  WORKDIR: (config, rest) => ({ ...config, WorkingDir: rest.startsWith('/') ? rest : `${config.WorkingDir ?? ''}/${rest}` }),
};

/**
 * Dockerfile instructions that set an image's config, as `docker import --change` and `docker commit --change` take them. Fails with
 * invalid-argument `IMAGE_BAD_CHANGE` naming the line.
 */
export function parseChanges(changes: readonly string[], { env = [], expand = (text) => text }: ChangeVariables = {}): ContainerConfig {
  return changes
    .flatMap((change) => change.split('\n'))
    .filter((line) => line.trim() !== '')
    .reduce<ContainerConfig>(
      (config, line) => applyChange(config, line, (text, form) => expand(text, [...env, ...(config.Env ?? [])], form)),
      {},
    );
}

/** Replaces `$NAME` by what stands in `env`, the last of a name. `words`: quotes and backslashes stay, and what is put in is one word; `text`: they are resolved. */
export type ExpandVariables = (text: string, env: readonly string[], form: 'words' | 'text') => string;

/** What instructions may refer to. */
export interface ChangeVariables {
  /** `NAME=value`, of what the image is made from. */
  readonly env?: readonly string[];
  readonly expand?: ExpandVariables;
}

/** As a Dockerfile has it ("Environment replacement"); the others take `$` as it is. */
const expanded: Readonly<Record<string, 'words' | 'text'>> = {
  ENV: 'words',
  EXPOSE: 'words',
  LABEL: 'words',
  STOPSIGNAL: 'text',
  USER: 'text',
  VOLUME: 'words',
  WORKDIR: 'text',
};

function applyChange(config: ContainerConfig, line: string, expand: (text: string, form: 'words' | 'text') => string): ContainerConfig {
  const [, name = '', text = ''] = /^\s*(\S+)\s*([\s\S]*?)\s*$/.exec(line) ?? [];
  const form = Object.hasOwn(expanded, name.toUpperCase()) ? expanded[name.toUpperCase()] : undefined;
  const rest = form === undefined || !text.includes('$') ? text : expand(text, form);
  const apply = Object.hasOwn(instructions, name.toUpperCase()) ? instructions[name.toUpperCase()] : undefined;
  if (apply === undefined) throw badChange(line, `${name} is not one of ${Object.keys(instructions).join(', ')}`);
  if (rest === '') throw badChange(line, 'it says nothing');
  try {
    return apply(config, rest);
  } catch (error) {
    throw error instanceof SyntaxError ? badChange(line, error.message) : error;
  }
}

/** The exec form when it is a JSON list of strings, else the shell form. */
function commandOf(rest: string): string[] {
  return listOf(rest) ?? ['/bin/sh', '-c', rest];
}

function listOf(rest: string): string[] | null {
  if (!rest.startsWith('[')) return null;
  try {
    const value: unknown = JSON.parse(rest);
    return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : null;
  } catch {
    return null;
  }
}

const healthOptions = {
  interval: 'Interval',
  timeout: 'Timeout',
  'start-period': 'StartPeriod',
  'start-interval': 'StartInterval',
} as const;

/** `NONE`, or `[--interval=30s …] CMD command` in either form (Dockerfile reference, "HEALTHCHECK"). */
function healthCheckOf(rest: string): Healthcheck {
  const check: Record<string, number | readonly string[]> = {};
  let left = rest;
  for (let flag = /^--([a-z-]+)=(\S+)\s+/.exec(left); flag !== null; flag = /^--([a-z-]+)=(\S+)\s+/.exec(left)) {
    const [whole, name = '', value = ''] = flag;
    if (name === 'retries' && /^\d{1,9}$/.test(value)) check['Retries'] = Number(value);
    else if (Object.hasOwn(healthOptions, name)) check[healthOptions[name as keyof typeof healthOptions]] = nanosecondsOf(value);
    else throw new SyntaxError(`--${name}=${value} is no option of HEALTHCHECK`);
    left = left.slice(whole.length);
  }
  if (/^NONE$/i.test(left)) return { Test: ['NONE'] };
  const [, command = ''] = /^CMD\s+([\s\S]+)$/i.exec(left) ?? [];
  if (command === '') throw new SyntaxError('it needs CMD and a command, or NONE');
  const words = listOf(command);
  return { ...check, Test: words === null ? ['CMD-SHELL', command] : ['CMD', ...words] };
}

/** A Go duration such as `1m30s`. */
function nanosecondsOf(text: string): number {
  const units: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text) throw new SyntaxError(`${text} is no duration`);
  return parts.reduce((sum, [, amount = '0', unit = 's']) => sum + Math.round(Number(amount) * (units[unit] ?? 0)), 0);
}

/** `A=b "C D"=e …`, or the old form `A b c`. */
function pairsOf(rest: string): [string, string][] {
  const words = splitWords(rest);
  if (words[0]?.includes('=') === false) {
    const [, name = '', value = ''] = /^(\S+)\s+([\s\S]*)$/.exec(rest) ?? [];
    if (name === '') throw new SyntaxError(`${rest} has no value`);
    return [[name, value]];
  }
  return words.map((word) => {
    const at = word.indexOf('=');
    if (at <= 0) throw new SyntaxError(`${JSON.stringify(word)} is not NAME=value`);
    return [word.slice(0, at), word.slice(at + 1)];
  });
}

function mergeEnv(env: readonly string[], pairs: readonly [string, string][]): string[] {
  const values = new Map(env.map((entry) => [entry.slice(0, entry.indexOf('=')), entry] as const));
  for (const [name, value] of pairs) values.set(name, `${name}=${value}`);
  return [...values.values()];
}

function portOf(word: string): string {
  const [, port = '', protocol = 'tcp'] = /^(\d{1,5}(?:-\d{1,5})?)(?:\/(tcp|udp|sctp))?$/i.exec(word) ?? [];
  if (port === '' || port.split('-').some((number) => Number(number) > 65_535))
    throw new SyntaxError(`${JSON.stringify(word)} is not a port`);
  return `${port}/${protocol.toLowerCase()}`;
}

function setOf(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}

/** Words as a shell separates them: blanks, quotes, backslashes; nothing is expanded. */
function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote = '';
  for (let at = 0; at < text.length; at += 1) {
    const letter = text.charAt(at);
    if (letter === '\\' && quote !== "'" && at + 1 < text.length) word = (word ?? '') + text.charAt((at += 1));
    else if (quote === '' && /\s/.test(letter)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (letter === quote || (quote === '' && (letter === '"' || letter === "'"))) {
      quote = letter === quote ? '' : letter;
      word ??= '';
    } else word = (word ?? '') + letter;
  }
  if (quote !== '') throw new SyntaxError(`a ${quote} is missing`);
  return word === null ? words : [...words, word];
}

function badChange(line: string, reason: string): OrlopError {
  return new OrlopError('invalid-argument', 'IMAGE_BAD_CHANGE', `change ${JSON.stringify(line.slice(0, 200))} makes no sense: ${reason}`);
}
