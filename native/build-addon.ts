import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const sourceDirectory = join(import.meta.dirname, 'sys');
const flags = ['-shared', '-fPIC', '-O2', '-std=gnu17', '-Wall', '-Wextra', '-Werror', '-fvisibility=hidden', '-pthread'];

export interface AddonBuild {
  /** Where the shared object goes, `build/sys.node`. Its stamp lies beside it. */
  readonly output: string;
  /** The C compiler; default: `CC` of the environment, else `cc`. */
  readonly compiler?: string;
  /** Added after the usual flags, for sanitizers. */
  readonly extraFlags?: readonly string[];
}

/**
 * Builds `sys.node` with one run of the compiler (about a second) and puts it in place by rename, so that a process that has the old one
 * loaded keeps it whole. Does nothing when sources, flags and compiler are those of the last build.
 * Throws an Error with the compiler's words when it refuses.
 */
export function buildAddon(build: AddonBuild): { built: boolean } {
  const compiler = build.compiler ?? process.env['CC'] ?? 'cc';
  const sources = readdirSync(sourceDirectory)
    .filter((name) => /\.[ch]$/.test(name))
    .sort()
    .map((name) => join(sourceDirectory, name));
  const headers = (createRequire(import.meta.url)('node-api-headers') as { include_dir: string }).include_dir;
  const command = [...flags, ...(build.extraFlags ?? []), `-I${headers}`, ...sources.filter((name) => name.endsWith('.c'))];
  const stampFile = `${build.output}.stamp`;
  const stamp = stampOf([compiler, ...command], sources);
  if (existsSync(build.output) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return { built: false };
  mkdirSync(dirname(build.output), { recursive: true });
  const temporary = `${build.output}.${process.pid}.tmp`;
  const run = spawnSync(compiler, [...command, '-o', temporary], { encoding: 'utf8' });
  if (run.error !== undefined) throw new Error(`cannot run the C compiler ${compiler}`, { cause: run.error });
  if (run.status !== 0) throw new Error(`${compiler} refused native/sys:\n${run.stderr}`);
  renameSync(temporary, build.output);
  writeFileSync(stampFile, stamp);
  return { built: true };
}

function stampOf(command: readonly string[], files: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(command));
  for (const file of files) hash.update(file).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}

if (import.meta.main) {
  const output = join(import.meta.dirname, '..', 'build', 'sys.node');
  const { built } = buildAddon({ output });
  console.log(`${output}: ${built ? 'built' : 'up to date'}`);
}
