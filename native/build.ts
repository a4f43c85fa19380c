import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildAddon } from './build-addon.ts';

const sourceDirectory = join(import.meta.dirname, 'bosun');
const buildDirectory = join(import.meta.dirname, '..', 'build');

const language = ['-std=gnu17', '-D_GNU_SOURCE'];
const warnings = [
  '-Wall',
  '-Wextra',
  '-Werror',
  '-Wshadow',
  '-Wconversion',
  '-Wstrict-prototypes',
  '-Wmissing-prototypes',
  '-Wvla',
  '-Wformat=2',
];
/** Without libc (see native/bosun/bare), as an executable at a random address. */
const release = [
  '-O2',
  '-s',
  '-nostdlib',
  '-static-pie',
  '-fPIE',
  '-fvisibility=hidden',
  '-fno-asynchronous-unwind-tables',
  '-ffunction-sections',
  '-fdata-sections',
  '-fno-common',
  // Our own memcpy must not be compiled into a call of memcpy.
  '-fno-tree-loop-distribute-patterns',
  '-fstack-protector-strong',
  '-mstack-protector-guard=global',
  '-fstack-clash-protection',
  '-Wl,--gc-sections,--build-id=none,-z,relro,-z,now,-z,noexecstack,-z,text',
];
const sanitized = ['-O1', '-g', '-fno-omit-frame-pointer', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

export interface BosunBuild {
  /** Where the executable goes, `build/bosun`. Its stamp lies beside it. */
  readonly output: string;
  /** Links dynamically, with address and undefined-behaviour sanitizers, for tests. */
  readonly sanitize?: boolean;
  /** Preprocessor definitions: other limits, and REPORT_PATH, the file that a sanitized build adds what is found to. */
  readonly define?: Readonly<Record<string, string>>;
  /** The C compiler; default: `CC` of the environment, else `cc`. */
  readonly compiler?: string;
}

export interface ProgramBuild extends BosunBuild {
  readonly sources: readonly string[];
  /** For the compiler, after the usual ones. */
  readonly flags?: readonly string[];
}

/**
 * Builds bosun with one run of the compiler and puts it in place by rename. Does nothing when sources, flags and compiler are those of the last build.
 * Throws an Error with the compiler's words when it refuses.
 */
export function buildBosun(build: BosunBuild): { built: boolean } {
  const sources = filesOf(sourceDirectory, '.c');
  if (build.sanitize !== true) return buildProgram({ ...build, sources: [...sources, ...filesOf(join(sourceDirectory, 'bare'), '.c')] });
  return buildProgram({ ...build, sources: [...sources, join(sourceDirectory, 'test', 'sanitizer_options.c')] });
}

/** Builds any C program that shares bosun's headers, by the same rules; for test drivers. */
export function buildProgram(build: ProgramBuild): { built: boolean } {
  const compiler = build.compiler ?? process.env['CC'] ?? 'cc';
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8')) as { version: string };
  const flags = [
    ...language,
    ...warnings,
    ...(build.sanitize === true ? sanitized : release),
    `-DBOSUN_VERSION="${version}"`,
    `-I${sourceDirectory}`,
    ...(build.flags ?? []),
    ...Object.entries(build.define ?? {}).map(([name, value]) => `-D${name}=${value}`),
  ];
  const command = [...flags, ...build.sources];
  const stampFile = `${build.output}.stamp`;
  const stamp = stampOf(
    [compiler, ...command],
    [...build.sources, ...filesOf(sourceDirectory, '.h'), ...filesOf(join(sourceDirectory, 'bare'), '.h')],
  );
  if (existsSync(build.output) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return { built: false };
  mkdirSync(dirname(build.output), { recursive: true });
  const temporary = `${build.output}.${process.pid}.tmp`;
  const run = spawnSync(compiler, [...command, '-o', temporary], { encoding: 'utf8' });
  if (run.error !== undefined) throw new Error(`cannot run the C compiler ${compiler}`, { cause: run.error });
  if (run.status !== 0) throw new Error(`${compiler} refused ${build.sources.join(' ')}:\n${run.stderr}`);
  renameSync(temporary, build.output);
  writeFileSync(stampFile, stamp);
  return { built: true };
}

function filesOf(directory: string, extension: string): string[] {
  const names = readdirSync(directory).filter((name) => name.endsWith(extension));
  return names.sort().map((name) => join(directory, name));
}

function stampOf(command: readonly string[], files: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(command));
  for (const file of files) hash.update(file).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}

if (import.meta.main) {
  const builds = { bosun: buildBosun, 'sys.node': buildAddon };
  for (const [name, build] of Object.entries(builds)) {
    const output = join(buildDirectory, name);
    console.log(`${output}: ${build({ output }).built ? 'built' : 'up to date'}`);
  }
}
