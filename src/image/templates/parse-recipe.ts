import { parseJson } from '#oci';
import { initPresets, type PresetInit } from './inits.ts';
import { badRecipe, type Recipe, type RecipeHealthCheck, type RecipeVariant } from './recipe.ts';

type Check<T> = (value: unknown, at: string) => T;

const maxRecipeBytes = 256 * 1024;

/**
 * Parses a recipe file: `{ "name": "web/trixie", "suite": "trixie", "variants": [{ "name": "app", "packages": ["nginx-light"] }] }`. Strict, because
 * packages, suites and mirrors become words of a command line. Invalid-argument `IMAGE_BAD_RECIPE` naming the place.
 */
export function parseRecipe(text: string): Recipe {
  return recipe(parseJson(text, { name: 'recipe', maxBytes: maxRecipeBytes }), '');
}

const word =
  (pattern: RegExp, expected: string): Check<string> =>
  (value, at) => {
    if (typeof value === 'string' && value.length <= 4096 && pattern.test(value)) return value;
    throw badRecipe(at, `expected ${expected}, found ${JSON.stringify(value)?.slice(0, 100) ?? 'nothing'}`);
  };

const text = word(/^[^\0]*$/, 'a text');
const flag: Check<boolean> = (value, at) => {
  if (typeof value === 'boolean') return value;
  throw badRecipe(at, 'expected true or false');
};
const count: Check<number> = (value, at) => {
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 86_400) return value;
  throw badRecipe(at, 'expected a whole number from 1 to 86400');
};
const initNames = Object.keys(initPresets);
const init = word(new RegExp(`^(?:${initNames.join('|')})$`), `one of ${initNames.join(', ')}`) as Check<PresetInit>;
const name = word(/^[a-z0-9]+(?:[._-][a-z0-9]+)*$/, 'a name of small letters, digits, dots and dashes');
const templateName = word(
  /^[a-z0-9]+(?:[._-][a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-][a-z0-9]+)*)*$/,
  'a name of small letters and digits such as web/trixie',
);
// deb-control(5), Package; with a version, an architecture or a release as apt-get(8) takes them.
const packageName = word(/^[a-z0-9][a-z0-9+.-]+(?::[a-z0-9-]+)?(?:=[A-Za-z0-9.+~:-]+|\/[a-z0-9-]+)?$/, 'the name of a package');
const pathPattern = word(/^\/[^\0\n]*$/, 'an absolute path, with * for any part');

const listOf =
  <T>(check: Check<T>): Check<readonly T[]> =>
  (value, at) => {
    if (!Array.isArray(value) || value.length > 1000) throw badRecipe(at, 'expected a list');
    return value.map((item: unknown, index) => check(item, `${at}[${index}]`));
  };

const textMap: Check<Readonly<Record<string, string>>> = (value, at) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badRecipe(at, 'expected an object');
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, text(inner, `${at}.${key}`)]));
};

/** An object with these fields and no others. */
const objectOf =
  <T extends object>(
    fields: { readonly [K in keyof T]-?: Check<Exclude<T[K], undefined>> },
    needed: readonly (keyof T & string)[],
  ): Check<T> =>
  (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw badRecipe(at === '' ? 'recipe' : at, 'expected an object');
    const place = (key: string): string => (at === '' ? key : `${at}.${key}`);
    const missing = needed.find((key) => !Object.hasOwn(value, key));
    if (missing !== undefined) throw badRecipe(place(missing), 'it is missing');
    const entries = Object.entries(value).map(([key, inner]) => {
      if (!Object.hasOwn(fields, key)) throw badRecipe(place(key), `no such field; there are ${Object.keys(fields).join(', ')}`);
      return [key, fields[key as keyof T](inner, place(key))] as const;
    });
    return Object.fromEntries(entries) as T;
  };

const variant = objectOf<RecipeVariant>(
  {
    name,
    init,
    base: name,
    default: flag,
    image: text,
    packages: listOf(packageName),
    leftOut: listOf(pathPattern),
    kept: listOf(pathPattern),
    commands: listOf(text),
    command: listOf(text),
    entrypoint: listOf(text),
    env: listOf(word(/^[^=\0]+=[^\0]*$/, 'NAME=value')),
    labels: textMap,
    user: text,
    workingDirectory: word(/^\/[^\0]*$/, 'an absolute path'),
    healthCheck: objectOf<RecipeHealthCheck>(
      { command: text, intervalS: count, timeoutS: count, startPeriodS: count, startIntervalS: count, retries: count },
      ['command'],
    ),
    stopSignal: word(/^(?:SIG)?[A-Z0-9+-]+$/, 'the name of a signal'),
  },
  ['name'],
);

export const mirrorAddress = word(/^(?:https?:\/\/|file:\/\/\/|copy:\/\/\/)[^\s'"\\]+$/, 'an address such as http://deb.debian.org/debian');

const recipe = objectOf<Recipe>(
  {
    name: templateName,
    description: text,
    suite: word(/^[a-z][a-z0-9-]*$/, 'the name of a suite such as trixie'),
    mirror: mirrorAddress,
    staleMirror: flag,
    variants: (value, at) => {
      const variants = listOf(variant)(value, at);
      if (variants.length === 0) throw badRecipe(at, 'at least one is needed');
      return variants;
    },
  },
  ['name', 'suite', 'variants'],
);
