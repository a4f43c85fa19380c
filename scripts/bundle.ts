import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { makeExecutables } from './executable.ts';
import { buildLibrary } from './library.ts';
import { programs, type Program } from './programs.ts';
import { projectRoot } from './rooms.ts';

const output = join(projectRoot, 'build');

const common = { bundle: true, platform: 'node', target: 'node24', minifySyntax: true, logLevel: 'warning' } as const;

/** One ES module per program. Built under another name and renamed, so that a running launcher never sees half a file. */
async function bundle(program: Program, define: Readonly<Record<string, string>>): Promise<void> {
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

const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string };
const define = {
  'process.env.ORLOP_VERSION': JSON.stringify(version),
  'process.env.ORLOP_BUILD_ID': JSON.stringify(process.env['ORLOP_BUILD_ID'] ?? 'unnamed'),
};
mkdirSync(output, { recursive: true });
try {
  await Promise.all([...programs.map((program) => bundle(program, define)), buildLibrary()]);
  await makeExecutables(
    programs.filter((one) => one.executable),
    output,
    { ...common, define },
  );
} catch (error) {
  // A BuildFailure: esbuild has said what is wrong, file and line.
  if (!(error instanceof Error && 'errors' in error)) throw error;
  process.exit(1);
}
