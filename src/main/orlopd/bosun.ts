import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { OrlopError } from '#errors';

/** The bosun executable: the one that `ORLOP_BOSUN` names, else the one beside the bundle or in this checkout's build. */
export function findBosun(): string {
  const named = process.env['ORLOP_BOSUN'];
  const here = import.meta.dirname ?? dirname(process.argv[1] ?? '.');
  const places = named === undefined || named === '' ? [join(here, 'bosun'), join(here, '../../../build/bosun')] : [resolve(named)];
  const found = places.find((place) => existsSync(place));
  if (found !== undefined) return found;
  throw new OrlopError('failed-precondition', 'BOSUN_MISSING', `the program bosun is missing (looked for ${places.join(', ')})`, {
    hint: 'build it: npm run build',
  });
}
