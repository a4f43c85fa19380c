import type { Healthcheck } from '#oci';
import { mistake } from '../errors.ts';
import { parseFlags } from '../flags.ts';
import { parseJsonWords } from '../json.ts';
import type { HealthcheckInstruction } from '../model.ts';
import { isSpace, trimStart } from '../spaces.ts';
import { parseGoDuration } from './duration.ts';
import type { Request } from './request.ts';

const flagKinds = { interval: 'text', timeout: 'text', 'start-period': 'text', 'start-interval': 'text', retries: 'text' } as const;

/** `HEALTHCHECK [flags] CMD command`, or `HEALTHCHECK NONE`. */
export function parseHealthcheck(request: Request): HealthcheckInstruction {
  const { word, rest } = cutWord(request.rest);
  if (word === '') throw mistake('HEALTHCHECK requires at least one argument');
  const type = word.toUpperCase();
  const flags = parseFlags(request.flags, flagKinds);
  if (type === 'NONE') {
    // Flags are taken and mean nothing: so BuildKit does.
    if (rest !== '') throw mistake('HEALTHCHECK NONE takes no arguments');
    return { kind: 'healthcheck', ...request.base, health: { Test: ['NONE'] } };
  }
  if (type !== 'CMD') throw mistake(`Unknown type ${JSON.stringify(type)} in HEALTHCHECK (try CMD)`);
  const health: Healthcheck = {
    Test: readTest(rest),
    ...duration('Interval', 'interval', flags.interval),
    ...duration('Timeout', 'timeout', flags.timeout),
    ...duration('StartPeriod', 'start-period', flags['start-period']),
    ...duration('StartInterval', 'start-interval', flags['start-interval']),
    ...retries(flags.retries),
  };
  return { kind: 'healthcheck', ...request.base, health };
}

function cutWord(text: string): { word: string; rest: string } {
  let end = 0;
  while (end < text.length && !isSpace(text.charAt(end))) end++;
  return { word: text.slice(0, end), rest: trimStart(text.slice(end)) };
}

function readTest(text: string): string[] {
  const argv = parseJsonWords(text);
  if (argv === undefined ? text === '' : argv.length === 0) throw mistake('Missing command after HEALTHCHECK CMD');
  return argv === undefined ? ['CMD-SHELL', text] : ['CMD', ...argv];
}

/** Nanoseconds; absent for zero, which means what the engine presets. */
function duration(property: keyof Healthcheck, flag: string, value: string | undefined): Partial<Healthcheck> {
  if (value === undefined || value === '') return {};
  const nanoseconds = parseGoDuration(value);
  if (nanoseconds === 0) return {};
  if (nanoseconds < 1_000_000) throw mistake(`Interval ${JSON.stringify(flag)} cannot be less than 1ms`);
  return { [property]: nanoseconds };
}

function retries(value: string | undefined): Pick<Healthcheck, 'Retries'> {
  if (value === undefined || value === '') return {};
  if (!/^[+-]?\d{1,10}$/.test(value) || Number(value) > 2 ** 31 - 1) throw mistake(`invalid value for --retries: ${JSON.stringify(value)}`);
  if (Number(value) < 0) throw mistake(`--retries cannot be negative (${Number(value)})`);
  return Number(value) === 0 ? {} : { Retries: Number(value) };
}
