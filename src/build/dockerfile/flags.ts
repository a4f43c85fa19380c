import { mistake } from './errors.ts';
import { suggestion } from './suggest.ts';

type FlagKind = 'text' | 'boolean' | 'texts';

type FlagValue<K extends FlagKind> = K extends 'text' ? string | undefined : K extends 'boolean' ? boolean | undefined : readonly string[];

/**
 * Reads an instruction's flags by the kinds that it knows: `--name=text`, `--name[=true|false]`, `--name=text` repeatedly. Fails with
 * invalid-argument on others, on repetition, and on a text without value.
 */
export function parseFlags<S extends Readonly<Record<string, FlagKind>>>(
  flags: readonly string[],
  known: S,
): { readonly [N in keyof S]: FlagValue<S[N]> } {
  const values = new Map<string, string | boolean | string[]>();
  for (const [name, kind] of Object.entries(known)) if (kind === 'texts') values.set(name, []);
  const seen = new Set<string>();
  for (const flag of flags) {
    const equals = flag.indexOf('=');
    const name = equals < 0 ? flag.slice(2) : flag.slice(2, equals);
    const value = equals < 0 ? undefined : flag.slice(equals + 1);
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (kind === undefined) throw mistake(`unknown flag: --${name}${suggestion(name, Object.keys(known))}`, describe(Object.keys(known)));
    if (kind !== 'texts' && seen.has(name)) throw mistake(`duplicate flag specified: --${name}`);
    seen.add(name);
    if (kind === 'boolean') values.set(name, parseBoolean(name, value));
    else if (value === undefined) throw mistake(`missing a value on flag: --${name}`);
    else if (kind === 'text') values.set(name, value);
    else (values.get(name) as string[]).push(value);
  }
  return Object.fromEntries(values) as { readonly [N in keyof S]: FlagValue<S[N]> };
}

/** For instructions that have no flags. */
export function refuseFlags(flags: readonly string[]): void {
  parseFlags(flags, {});
}

function describe(names: readonly string[]): string | undefined {
  return names.length === 0 ? undefined : `the instruction has ${names.map((name) => `--${name}`).join(', ')}`;
}

function parseBoolean(name: string, value: string | undefined): boolean {
  if (value === undefined) return true;
  if (value === '') throw mistake(`missing a value on flag: --${name}`);
  const lower = value.toLowerCase();
  if (lower !== 'true' && lower !== 'false') throw mistake(`expecting boolean value for flag --${name}, not: ${value}`);
  return lower === 'true';
}
