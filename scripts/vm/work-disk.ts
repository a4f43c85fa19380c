import { cpSync, existsSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../rooms.ts';
import { run } from './run-program.ts';

/** What the tests inside need of this checkout. The compiled command line starts several times faster than Node, which counts on an emulated processor. */
const needed = [
  'package.json',
  'ARCHITECTURE.md',
  'bin',
  'src',
  'native',
  'scripts',
  'tests',
  'build/node',
  'build/bosun',
  'build/sys.node',
  'build/orlop',
  'build/orlop-runtime',
  'build/orlop.mjs',
  'build/orlopd.mjs',
  'build/orlop-runtime.mjs',
  'build/store-worker.mjs',
  'build/file-worker.mjs',
  'node_modules/fast-check',
  'node_modules/pure-rand',
  // What the engine itself stands on.
  'node_modules/yaml',
  'node_modules/node-api-headers',
];

export interface Work {
  /** Groups of test files of this checkout, or of patterns of them; a group runs in one process. */
  readonly tests: readonly (readonly string[])[];
  /** A shell script to run instead. */
  readonly script: string | null;
}

/** A disk with this checkout's built files and what is to be run for at most so many seconds, made anew below `directory`. Fails with an Error when a pattern finds nothing. */
export async function makeWorkDisk(directory: string, work: Work & { readonly seconds: number }, timeoutMs: number): Promise<string> {
  const tests = work.tests.map((group) => group.flatMap(findTests));
  const tree = join(directory, `work-${process.pid}`);
  const disk = join(directory, `work-${process.pid}.ext4`);
  using cleaning = new DisposableStack();
  cleaning.defer(() => rmSync(tree, { recursive: true, force: true }));
  mkdirSync(tree, { recursive: true });
  for (const path of needed) {
    if (!existsSync(join(projectRoot, path))) continue;
    cpSync(join(projectRoot, path), join(tree, path), { recursive: true, dereference: true, preserveTimestamps: true });
  }
  writeFileSync(join(tree, 'wanted-seconds'), `${work.seconds}\n`);
  writeFileSync(join(tree, 'wanted-tests'), tests.map((files) => `${files.join(' ')}\n`).join(''));
  if (work.script !== null) writeFileSync(join(tree, 'wanted-script'), work.script);
  await run('mke2fs', ['-q', '-F', '-t', 'ext4', '-L', 'orlop-work', '-d', tree, disk, '1G'], timeoutMs);
  return disk;
}

function findTests(pattern: string): string[] {
  const found = globSync(pattern, { cwd: projectRoot }).sort();
  if (found.length === 0) throw new Error(`there is no test file ${pattern}`);
  return found;
}
