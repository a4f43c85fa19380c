import { mistake } from './errors.ts';
import type { Directives, EscapeCharacter } from './model.ts';
import { trimStart } from './spaces.ts';

type Name = 'syntax' | 'escape' | 'check';

function isName(text: string): text is Name {
  return text === 'syntax' || text === 'escape' || text === 'check';
}

/** Reads `# name=value` lines for as long as nothing else came before. */
export interface DirectiveReader {
  /** True when the line, without leading white space, is a directive. Fails on the second of a name and on a bad escape character. */
  read(line: string): boolean;
  readonly found: Directives;
}

/** Dockerfile reference, "Parser directives": unknown names are comments, and any comment ends the directives. */
export function createDirectiveReader(): DirectiveReader {
  const values = new Map<Name, string>();
  let done = false;
  return {
    read(line) {
      if (done) return false;
      const directive = line.startsWith('#') ? parseDirective(trimStart(line.slice(1))) : undefined;
      if (directive === undefined) {
        done = true;
        return false;
      }
      const { name, value } = directive;
      if (values.has(name)) throw mistake(`only one ${name} parser directive can be used`);
      if (name === 'escape' && value !== '\\' && value !== '`') throw mistake(`invalid escape token '${value}' does not match \` or \\`);
      values.set(name, value);
      return true;
    },
    get found() {
      const syntax = values.get('syntax');
      const check = values.get('check');
      return {
        escape: (values.get('escape') ?? '\\') as EscapeCharacter,
        ...(syntax === undefined ? {} : { syntax }),
        ...(check === undefined ? {} : { check }),
      };
    },
  };
}

function parseDirective(text: string): { name: Name; value: string } | undefined {
  const equals = text.indexOf('=');
  if (equals < 0) return undefined;
  const name = text.slice(0, equals).trimEnd().toLowerCase();
  const value = text.slice(equals + 1).trim();
  return isName(name) && value !== '' ? { name, value } : undefined;
}
