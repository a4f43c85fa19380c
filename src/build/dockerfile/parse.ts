import { OrlopError } from '#errors';
import { locating, mistake } from './errors.ts';
import { parseFrom } from './instructions/from.ts';
import { parseHealthcheck } from './instructions/health.ts';
import {
  parseExpose,
  parseMaintainer,
  parseOnbuild,
  parseStopsignal,
  parseUser,
  parseVolume,
  parseWorkdir,
} from './instructions/metadata.ts';
import type { Request } from './instructions/request.ts';
import { parseCmd, parseEntrypoint, parseRun, parseShell } from './instructions/run.ts';
import { parseAdd, parseCopy } from './instructions/transfer.ts';
import { parseArg, parseEnv, parseLabel } from './instructions/variables.ts';
import type { ArgInstruction, Dockerfile, EscapeCharacter, FromInstruction, Instruction, Lines, Stage } from './model.ts';
import { trim } from './spaces.ts';
import { readStatements, splitStatement, type Statement } from './statements.ts';
import { suggestion } from './suggest.ts';

const parsers: Readonly<Record<string, (request: Request) => Instruction | FromInstruction>> = {
  ADD: parseAdd,
  ARG: parseArg,
  CMD: parseCmd,
  COPY: parseCopy,
  ENTRYPOINT: parseEntrypoint,
  ENV: parseEnv,
  EXPOSE: parseExpose,
  FROM: parseFrom,
  HEALTHCHECK: parseHealthcheck,
  LABEL: parseLabel,
  MAINTAINER: parseMaintainer,
  ONBUILD: parseOnbuild,
  RUN: parseRun,
  SHELL: parseShell,
  STOPSIGNAL: parseStopsignal,
  USER: parseUser,
  VOLUME: parseVolume,
  WORKDIR: parseWorkdir,
};

/**
 * Parses a Dockerfile by Docker's reference, and as BuildKit reads it where the reference is silent. Nothing is expanded. Fails with
 * invalid-argument `BUILD_BAD_DOCKERFILE`, whose details have `lines` and `excerpt` wherever a place is to blame.
 */
export function parseDockerfile(text: string): Dockerfile {
  if (trim(text) === '') throw mistake('the Dockerfile cannot be empty');
  const { directives, statements, emptyContinuations } = readStatements(text);
  const globalArgs: ArgInstruction[] = [];
  const stages: { index: number; name?: string; from: FromInstruction; instructions: Instruction[] }[] = [];
  for (const statement of statements) {
    const instruction = parseStatement(text, statement, directives.escape);
    const stage = stages.at(-1);
    if (instruction.kind === 'from') {
      const name = instruction.as?.toLowerCase();
      stages.push({ index: stages.length, ...(name === undefined ? {} : { name }), from: instruction, instructions: [] });
    } else if (stage !== undefined) stage.instructions.push(instruction);
    else if (instruction.kind === 'arg') globalArgs.push(instruction);
    else {
      locating(text, statement.lines, () => {
        throw mistake('no build stage in current context', 'begin with FROM; only ARG may come before it');
      });
    }
  }
  if (stages.length === 0) throw mistake('dockerfile contains no stages to build', 'add FROM');
  return { text, directives, globalArgs, stages: stages satisfies Stage[], emptyContinuations };
}

/** One instruction, an ONBUILD trigger of a base image. Whatever is wrong with it is blamed on `lines` of `text`. Fails with invalid-argument. */
export function parseTrigger(trigger: string, place: { readonly text: string; readonly lines: Lines }): Instruction {
  return locating(place.text, place.lines, () => {
    const instruction = withoutPlace(() => {
      const { directives, statements } = readStatements(trigger);
      const [statement] = statements;
      if (statement === undefined || statements.length !== 1) throw mistake('onbuild trigger should be a single expression');
      return readInstruction(statement, directives.escape);
    });
    if (instruction.kind === 'from') throw mistake("FROM isn't allowed as an ONBUILD trigger");
    return { ...instruction, lines: place.lines };
  });
}

/** Lines of a trigger's own text would mean nothing to anybody. */
function withoutPlace<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw error instanceof OrlopError ? mistake(`bad ONBUILD trigger: ${error.message}`, error.hint) : error;
  }
}

function parseStatement(text: string, statement: Statement, escape: EscapeCharacter): Instruction | FromInstruction {
  const { lines } = statement;
  return locating(text, lines, () => readInstruction(statement, escape), `dockerfile parse error on line ${lines.first}: `);
}

function readInstruction({ text, lines, heredocs, comments }: Statement, escape: EscapeCharacter): Instruction | FromInstruction {
  const { keyword, flags, rest } = splitStatement(text);
  const name = keyword.toUpperCase();
  const parse = Object.hasOwn(parsers, name) ? parsers[name] : undefined;
  if (parse === undefined) throw mistake(`unknown instruction: ${keyword}${suggestKeyword(keyword)}`);
  return parse({ base: { lines, source: trim(text), keyword, comments }, name, flags, rest, heredocs, escape });
}

/** In the case of what was written. */
function suggestKeyword(keyword: string): string {
  const isLower = keyword === keyword.toLowerCase();
  return suggestion(
    keyword,
    Object.keys(parsers).map((name) => (isLower ? name.toLowerCase() : name)),
    { ignoreCase: true },
  );
}
