import { findWanting, formatPlace, type Place, type Problem } from '../shape/index.ts';
import type { ComposeFile } from './file.ts';

/** What is wrong with files once they are merged: what is still wanting in them, and resources that say too much or too little. Pure. */
export function checkFile(file: ComposeFile, places: ReadonlyMap<string, Place>): Problem[] {
  const nowhere: Place = { file: 'compose.yaml', line: 1, column: 1 };
  const complaints = [
    ...check('volumes', file.volumes, externalAlone),
    ...check('secrets', file.secrets, (value) => oneSource(value, ['file', 'environment'])),
    ...check('configs', file.configs, (value) => oneSource(value, ['file', 'environment', 'content'])),
  ];
  const known = new Set<string>();
  return [...findWanting(file), ...complaints.map(({ path, message }) => ({ path, message, place: places.get(path) ?? nowhere }))].filter(
    ({ place, path, message }) => {
      const line = `${formatPlace(place)} ${path} ${message}`;
      return !known.has(line) && known.add(line);
    },
  );
}

function check<T extends object>(
  section: string,
  values: Readonly<Record<string, T>> = {},
  wrongWith: (value: T) => string | null,
): { path: string; message: string }[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const message = wrongWith(value);
    return message === null ? [] : [{ path: `${section}.${name}`, message }];
  });
}

function externalAlone(value: object): string | null {
  if (!('external' in value) || value.external !== true) return null;
  const other = Object.keys(value).find((key) => !['name', 'external', 'extensions'].includes(key));
  return other === undefined ? null : `conflicting parameters "external" and "${other}" specified`;
}

function oneSource(value: object, sources: readonly string[]): string | null {
  const given = sources.filter((source) => Object.hasOwn(value, source));
  if (given.length > 1) return `${sources.join('|')} attributes are mutually exclusive`;
  const elsewhere = Object.hasOwn(value, 'external') || Object.hasOwn(value, 'driver');
  return given.length === 1 || elsewhere ? null : `one of ${sources.join('|')} must be set`;
}
