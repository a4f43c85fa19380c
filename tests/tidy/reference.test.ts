import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as variables from '../../scripts/reference/environment.ts';
import { planReference, referenceFolder } from '../../scripts/reference/pages.ts';
import { projectRoot } from '../../scripts/rooms.ts';
import { listFiles, readFiles } from './files.ts';

test('the reference is what the tables of commands, flags and settings say', () => {
  const wanted = planReference();
  const read = (path: string): string => (existsSync(join(projectRoot, path)) ? readFileSync(join(projectRoot, path), 'utf8') : '');
  const stale = [...wanted].filter(([path, text]) => read(path) !== text).map(([path]) => path);
  const surplus = listFiles(referenceFolder).filter((path) => !wanted.has(path));
  assert.deepEqual([...stale, ...surplus], [], 'run "npm run fix"');
});

test('every variable of the environment that a program reads is in the reference', () => {
  const { innerVariables, clientVariables, engineVariables, runtimeVariables, launcherVariables } = variables;
  const listed = [clientVariables, engineVariables, runtimeVariables, launcherVariables].flat().flatMap(({ term }) => term.split(', '));
  const known = new Set([...listed, ...innerVariables]);
  const sources = readFiles('.ts').filter(({ path }) => path.startsWith('src/') && !/\.test\.ts$|\/(testing|fixtures)\//.test(path));
  const readIn = ({ path, text }: { path: string; text: string }): string[] =>
    [...text.matchAll(/\benv\['([A-Z_]+)'\]/g)]
      .map((match) => match[1] ?? '')
      .filter((name) => !known.has(name))
      .map((name) => `${path}: ${name}`);
  assert.deepEqual(sources.flatMap(readIn), [], 'name it in scripts/reference/environment.ts');
});
