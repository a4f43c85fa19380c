import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { OrlopError } from '#errors';
import type { Addon } from './addon.ts';
import { toErrnoError } from './errno.ts';

/**
 * Loads `sys.node`: the given file, else the one that `ORLOP_ADDON` names, else the one of this package. Failing calls of the result throw
 * ErrnoErrors (those that return promises reject with them). Each thread loads its own instance; a second call in a thread shares the native part.
 * Fails with failed-precondition `SYS_ADDON_MISSING` when there is no such file, `SYS_ADDON_UNUSABLE` when it cannot be loaded here.
 */
export function loadAddon(path?: string): Addon {
  const file = path === undefined ? findAddon() : resolve(path);
  if (!existsSync(file)) throw missing(file);
  try {
    return translateErrors(openLibrary(file));
  } catch (cause) {
    throw new OrlopError('failed-precondition', 'SYS_ADDON_UNUSABLE', `the native addon ${file} cannot be loaded`, {
      hint: 'rebuild it on this machine: npm run build',
      cause,
    });
  }
}

/** What `require` does with such a file, without reading each directory on the way to it: short commands wait for this. */
export function openLibrary(file: string): Addon {
  const known = opened.get(file);
  if (known !== undefined) return known;
  const library = { exports: {} };
  process.dlopen(library, file);
  const native = library.exports as Addon;
  opened.set(file, native);
  return native;
}

/** As in require's cache: a thread has one instance of a file. */
const opened = new Map<string, Addon>();

function missing(file: string): OrlopError {
  return new OrlopError('failed-precondition', 'SYS_ADDON_MISSING', `the native addon ${file} is missing`, {
    hint: 'build it: npm run build',
  });
}

/** This file runs as src/sys/load-addon.ts or inside a bundle in build/, where a CommonJS bundle has no import.meta, or in an executable with the addon beside it. */
function findAddon(): string {
  const named = process.env['ORLOP_ADDON'];
  if (named !== undefined && named !== '') return resolve(named);
  const here = (import.meta as { dirname?: string }).dirname ?? dirname(process.argv[1] ?? '.');
  const places = [
    join(here, 'sys.node'),
    join(here, '../build/sys.node'),
    join(here, '../../build/sys.node'),
    join(dirname(process.execPath), 'sys.node'),
  ];
  return places.find((place) => existsSync(place)) ?? join(here, '../../build/sys.node');
}

type AnyFunction = (...args: unknown[]) => unknown;

function translateErrors(native: Addon): Addon {
  const calls: Record<string, AnyFunction> = {};
  for (const [name, call] of Object.entries(native)) calls[name] = translated(call as AnyFunction);
  return calls as unknown as Addon;
}

function translated(call: AnyFunction): AnyFunction {
  return (...args) => {
    try {
      const result = call(...args);
      return result instanceof Promise ? result.catch((error: unknown) => Promise.reject(toErrnoError(error))) : result;
    } catch (error) {
      throw toErrnoError(error);
    }
  };
}
