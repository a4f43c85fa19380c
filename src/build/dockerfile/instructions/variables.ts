import { mistake } from '../errors.ts';
import { refuseFlags } from '../flags.ts';
import type { ArgInstruction, EnvInstruction, KeyValue, LabelInstruction } from '../model.ts';
import { cutBlanks } from '../spaces.ts';
import { splitWords } from '../words.ts';
import { type Request, requireOneOrMore } from './request.ts';

/** `ENV name=value …`, or `ENV name value`. */
export function parseEnv(request: Request): EnvInstruction {
  return { kind: 'env', ...request.base, ...parsePairs(request) };
}

/** `LABEL name=value …`, or `LABEL name value`. */
export function parseLabel(request: Request): LabelInstruction {
  return { kind: 'label', ...request.base, ...parsePairs(request) };
}

/** The first word decides: without `=` the whole rest is one pair. */
function parsePairs(request: Request): { pairs: KeyValue[]; legacy: boolean } {
  refuseFlags(request.flags);
  const words = splitWords(request.rest, request.escape);
  requireOneOrMore(request, words);
  if (words[0]?.includes('=') !== true) {
    const { first: key, rest: value } = cutBlanks(request.rest);
    if (value === undefined) throw mistake(`${request.name} must have two arguments`);
    return { pairs: [{ key, value }], legacy: true };
  }
  return { pairs: words.map((word) => cutPair(request, word)), legacy: false };
}

function cutPair(request: Request, word: string): KeyValue {
  const equals = word.indexOf('=');
  if (equals < 0) throw mistake(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`);
  if (equals === 0) throw mistake(`${request.name} names can not be blank`);
  return { key: word.slice(0, equals), value: word.slice(equals + 1) };
}

/** `ARG name[=value] …`. */
export function parseArg(request: Request): ArgInstruction {
  refuseFlags(request.flags);
  const words = splitWords(request.rest, request.escape);
  requireOneOrMore(request, words);
  const args = words.map((word) => {
    const equals = word.indexOf('=');
    if (equals === 0) throw mistake('ARG names can not be blank');
    return equals < 0 ? { name: word } : { name: word.slice(0, equals), value: word.slice(equals + 1) };
  });
  return { kind: 'arg', ...request.base, args };
}
