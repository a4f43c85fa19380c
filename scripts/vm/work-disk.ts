import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../rooms.ts';
import { run } from './run-program.ts';

/** What the tests inside need of this checkout. The compiled command line starts several times faster than Node, which counts on an emulated processor. */
const needed = [
  'package.json',
  'bin',
  'src',
  'native',
  'scripts',
  'tests',
  'build/node',
  'build/bosun',
  'build/sys.node',
  'build/orlop',
  'build/orlop.mjs',
  'build/orlopd.mjs',
  'build/orlop-runtime.mjs',
  'build/store-worker.mjs',
  'node_modules/fast-check',
  'node_modules/pure-rand',
  'node_modules/node-api-headers',
];

/** A disk with this checkout's built files and the list of test files to run, made anew below `directory`. */
export async function makeWorkDisk(directory: string, tests: readonly string[]): Promise<string> {
  const tree = join(directory, 'work');
  const disk = join(directory, 'work.ext4');
  rmSync(tree, { recursive: true, force: true });
  rmSync(disk, { force: true });
  mkdirSync(tree, { recursive: true });
  for (const path of needed) {
    if (!existsSync(join(projectRoot, path))) continue;
    cpSync(join(projectRoot, path), join(tree, path), { recursive: true, dereference: true, preserveTimestamps: true });
  }
  writeFileSync(join(tree, 'wanted-tests'), tests.map((test) => `${test}\n`).join(''));
  await run('mke2fs', ['-q', '-t', 'ext4', '-L', 'orlop-work', '-d', tree, disk, '1G'], 5 * 60_000);
  rmSync(tree, { recursive: true });
  return disk;
}
