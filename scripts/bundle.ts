import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build } from 'esbuild';
import { buildLibrary } from './library.ts';
import { programs, type Program } from './programs.ts';
import { projectRoot } from './rooms.ts';

const output = join(projectRoot, 'build');

type Define = Readonly<Record<string, string>>;

const common = { bundle: true, platform: 'node', target: 'node24', minifySyntax: true, logLevel: 'warning' } as const;

/** One ES module per program. Built under another name and renamed, so that a running launcher never sees half a file. */
async function bundle(program: Program, define: Define): Promise<void> {
  const outfile = join(output, `${program.name}.mjs`);
  const temporary = `${outfile}.${process.pid}`;
  await build({
    ...common,
    entryPoints: [join(projectRoot, program.entry)],
    outfile: temporary,
    format: 'esm',
    // An ES module has no require of its own; CommonJS dependencies ask for one.
    banner: { js: `import { createRequire as __orlopRequire } from 'node:module'; const require = __orlopRequire(import.meta.url);` },
    define,
  });
  renameSync(temporary, outfile);
}

/** Bun's own binary from the registry package of this machine's architecture; null where npm had none. */
function findBun(): string | null {
  const require = createRequire(import.meta.url);
  const architecture = process.arch === 'arm64' ? 'aarch64' : 'x64';
  try {
    return require.resolve(`@oven/bun-linux-${architecture}/bin/bun`);
  } catch {
    return null;
  }
}

/**
 * Bun compiles its versions of Node's modules anew in each process, up to two milliseconds each, and a command needs few of them: each is loaded
 * when something of it is first used.
 */
function loadModulesLate(script: string): string {
  const late = script.replaceAll(/(?<=\bimport_\w+ = )require\("node:[\w/]+"\)/g, (load) => `late(() => ${load})`);
  return `const late = (load) => new Proxy({}, { get: (_none, name) => load()[name] });\n${late}`;
}

/**
 * Makes the executable `build/NAME`. Bun stores bytecode of CommonJS only, and bytecode starts 10 ms sooner, so it gets a bundle of its own.
 * Without the executable the launchers run the module on Node: slower to start, otherwise the same.
 */
async function compile(program: Program, bun: string, define: Define): Promise<void> {
  const target = join(output, program.name);
  const temporary = `${target}.${process.pid}`;
  const source = `${temporary}.cjs`;
  const entryPoints = [join(projectRoot, program.entry)];
  // An executable finds its native parts beside itself; import.meta, which CommonJS has not, is for modules only.
  await build({
    ...common,
    entryPoints,
    outfile: source,
    format: 'cjs',
    define,
    logOverride: { 'empty-import-meta': 'silent' },
  });
  writeFileSync(source, loadModulesLate(readFileSync(source, 'utf8')));
  const done = spawnSync(bun, ['build', '--compile', '--bytecode', '--minify', source, '--outfile', temporary], {
    encoding: 'utf8',
    cwd: output,
  });
  rmSync(source, { force: true });
  if (done.status === 0 && existsSync(temporary) && answers(temporary)) {
    chmodSync(temporary, 0o755);
    renameSync(temporary, target);
    return;
  }
  rmSync(temporary, { force: true });
  rmSync(target, { force: true });
  const why = done.status === 0 ? 'the executable does not start' : done.stderr.trim();
  process.stderr.write(`${program.name} stays on Node, because Bun could not compile it: ${why}\n`);
}

function answers(executable: string): boolean {
  return spawnSync(executable, ['--version'], { stdio: 'ignore', timeout: 20_000 }).status === 0;
}

const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string };
const define: Define = {
  'process.env.ORLOP_VERSION': JSON.stringify(version),
  'process.env.ORLOP_BUILD_ID': JSON.stringify(process.env['ORLOP_BUILD_ID'] ?? 'unnamed'),
};
mkdirSync(output, { recursive: true });
try {
  await Promise.all([...programs.map((program) => bundle(program, define)), buildLibrary()]);
  const bun = findBun();
  for (const program of programs.filter((one) => one.executable)) {
    if (bun === null) rmSync(join(output, program.name), { force: true });
    else await compile(program, bun, define);
  }
} catch (error) {
  // A BuildFailure: esbuild has said what is wrong, file and line.
  if (!(error instanceof Error && 'errors' in error)) throw error;
  process.exit(1);
}
