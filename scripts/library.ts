import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build } from 'esbuild';
import { projectRoot, readRooms } from './rooms.ts';

const room = 'library';
const output = join(projectRoot, 'build', room);

/** What programs import: one ES module without dependencies, for every runtime that has Node's modules, and its types. */
export async function buildLibrary(): Promise<void> {
  const temporary = `${output}.${process.pid}`;
  rmSync(temporary, { recursive: true, force: true });
  await build({
    entryPoints: [join(projectRoot, `src/${room}/index.ts`)],
    outfile: join(temporary, 'index.js'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    // `using` and its like are rewritten for Node 20.
    target: 'node20',
    banner: { js: `import { Buffer } from 'node:buffer';` },
    logLevel: 'warning',
  });
  writeTypes(join(temporary, 'types'));
  rmSync(output, { recursive: true, force: true });
  renameSync(temporary, output);
}

/** Declarations of the room and of all rooms below it, which name each other by relative paths as nothing else does in somebody else's project. */
function writeTypes(target: string): void {
  const compiler = join(projectRoot, 'node_modules/.bin/tsc');
  const done = spawnSync(process.execPath, [compiler, '-b', join(projectRoot, `src/${room}`)], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`the library's types cannot be made:\n${done.stdout}${done.stderr}`);
  for (const name of roomsBelow(room)) {
    const source = join(projectRoot, '.tsc', name);
    for (const path of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
      if (!path.endsWith('.d.ts') || path.endsWith('.test.d.ts')) continue;
      const file = join(target, name, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, withRelativeImports(readFileSync(join(source, path), 'utf8'), dirname(file), target));
    }
  }
}

function roomsBelow(start: string): Set<string> {
  const rooms = readRooms();
  const found = new Set<string>();
  const visit = (name: string): void => {
    if (found.has(name)) return;
    found.add(name);
    for (const inner of rooms[name]?.imports ?? []) visit(inner);
  };
  visit(start);
  return found;
}

function withRelativeImports(text: string, directory: string, target: string): string {
  const doorOf = (name: string): string => {
    const path = relative(directory, join(target, name, 'index.js'));
    return path.startsWith('.') ? path : `./${path}`;
  };
  return text
    .replaceAll(/(?<=(?:from|import\() ?['"])#([\w/]+)(?=['"])/g, (_whole, name: string) => doorOf(name))
    .replaceAll(/(?<=(?:from|import\() ?['"]\.[^'"]*)\.ts(?=['"])/g, '.js');
}
