import { spawnSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build, type BuildOptions, type Plugin } from 'esbuild';
import type { Program } from './programs.ts';
import { projectRoot } from './rooms.ts';

/**
 * Makes one executable of all these programs, `build/NAME` for each: one file under several names, which it tells itself apart by. Most of it is Bun, 110 MB that
 * would else be there once for each; starting it costs the same. Without it the launchers run the modules on Node: slower to start, otherwise the same.
 */
export async function makeExecutables(programs: readonly Program[], output: string, options: BuildOptions): Promise<void> {
  const folder = join(output, `executable.${process.pid}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  try {
    const problem = await compile(programs, folder, options);
    for (const { name } of programs) {
      if (problem === null) renameSync(join(folder, name), join(output, name));
      else rmSync(join(output, name), { force: true });
    }
    if (problem !== null && problem !== '')
      process.stderr.write(`the programs stay on Node, because Bun could not compile them: ${problem}\n`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Leaves a file NAME in `folder` for each program. What stands in the way, else null; empty where there is no Bun. */
async function compile(programs: readonly Program[], folder: string, options: BuildOptions): Promise<string | null> {
  const bun = findBun();
  const [first, ...others] = programs;
  if (bun === null || first === undefined) return '';
  const scripts = await Promise.all(programs.map(async (program) => [program.name, await bundleScript(program, options)] as const));
  const source = join(folder, 'all.cjs');
  const target = join(folder, first.name);
  writeFileSync(source, joinScripts(scripts));
  // Bun's programs would else take settings, and code, from the directory that they are started in.
  const alone = ['dotenv', 'bunfig', 'tsconfig', 'package-json'].map((file) => `--no-compile-autoload-${file}`);
  const done = spawnSync(bun, ['build', '--compile', '--bytecode', '--minify', ...alone, source, '--outfile', target], {
    encoding: 'utf8',
    cwd: folder,
  });
  if (done.status !== 0) return done.stderr.trim();
  chmodSync(target, 0o755);
  for (const { name } of others) linkSync(target, join(folder, name));
  const silent = programs.find(({ name }) => !answers(join(folder, name), name));
  return silent === undefined ? null : `${silent.name} does not start`;
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

/** Bun stores bytecode of CommonJS only, and bytecode starts 10 ms sooner, so executables get bundles of their own. */
async function bundleScript({ entry, plainModules = {} }: Program, options: BuildOptions): Promise<string> {
  const result = await build({
    ...options,
    plugins: [standInFor(plainModules)],
    entryPoints: [join(projectRoot, entry)],
    format: 'cjs',
    write: false,
    // An executable finds its native parts beside itself; import.meta, which CommonJS has not, is for modules only.
    logOverride: { 'empty-import-meta': 'silent' },
  });
  return loadModulesLate(result.outputFiles[0]?.text ?? '');
}

/** Not esbuild's `alias`, which takes `node:fs/promises` for a file below. */
function standInFor(modules: Readonly<Record<string, string>>): Plugin {
  return {
    name: 'plain modules',
    setup({ onResolve }) {
      onResolve({ filter: /^node:/ }, ({ path }) => (modules[path] === undefined ? null : { path: join(projectRoot, modules[path]) }));
    },
  };
}

/**
 * Bun compiles its versions of Node's modules anew in each process, up to two milliseconds each, and a command needs few of them: each is loaded when something of it is
 * first used. What esbuild makes of an import of names is a variable that only ever stands before a dot: there a function takes its place, in parentheses, so that `new`
 * is of what follows the dot. Pure.
 */
export function loadModulesLate(script: string): string {
  const loaders = new Map<string, string>();
  const modules = new Map<string, string>();
  const declared = script.replaceAll(/\b(import_\w+) = require\("(node:[\w/]+)"\)/g, (_whole, variable: string, module: string) => {
    const loader = `load_${module.replaceAll(/\W/g, '_')}`;
    modules.set(module, loader);
    loaders.set(variable, loader);
    return `${variable} = 0`;
  });
  const body = declared.replaceAll(/\b(import_\w+)\./g, (whole, variable: string) => {
    const loader = loaders.get(variable);
    return loader === undefined ? whole : `(${loader}()).`;
  });
  const heads = Array.from(
    modules,
    ([module, loader]) => `let ${loader}_;\nconst ${loader} = () => (${loader}_ ??= require("${module}"));\n`,
  );
  return heads.join('') + body;
}

/** The script that runs the one of these whose name the executable has, the first one under any other name. Pure. */
function joinScripts(scripts: readonly (readonly [name: string, script: string])[]): string {
  const [first, ...others] = scripts.map(([name, script]) => ({ name, body: `(function () {\n${script}\n})();` }));
  const choices = others.map(({ name, body }) => `if (name === ${JSON.stringify(name)}) ${body}\nelse `);
  return `"use strict";
const name = process.execPath.slice(process.execPath.lastIndexOf("/") + 1);
${choices.join('')}${first?.body ?? ''}
`;
}

function answers(executable: string, name: string): boolean {
  const { status, stdout } = spawnSync(executable, ['--version'], { encoding: 'utf8', timeout: 20_000 });
  return status === 0 && stdout.startsWith(`${name} `);
}
