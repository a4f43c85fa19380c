import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What src/rooms.json says about one room. */
export interface Room {
  /** Imports go down the storeys only. */
  readonly storey: number;
  /** The rooms whose doors it may import. */
  readonly imports: readonly string[];
  /** The `node:` modules that its code (not its tests) may import, separated by spaces. `*` permits all. */
  readonly node: string;
  /** The third-party packages that its code (not its tests) may import, separated by spaces. */
  readonly packages: string;
}

export const projectRoot = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Folders outside src/ that are TypeScript projects of their own; they may import every room. */
const outerProjects = ['native', 'scripts', 'tests', 'bench', 'examples'];

export function readRooms(): Readonly<Record<string, Room>> {
  return JSON.parse(readFileSync(join(projectRoot, 'src/rooms.json'), 'utf8')) as Record<string, Room>;
}

/** Every tsconfig.json that the table of rooms asks for, by path from the project's root. */
export function planProjects(rooms: Readonly<Record<string, Room>>): Map<string, string> {
  const files = new Map<string, string>();
  for (const [room, { imports }] of Object.entries(rooms)) {
    const folder = `src/${room}`;
    files.set(
      `${folder}/tsconfig.json`,
      formatProject(
        folder,
        imports.map((name) => `src/${name}`),
      ),
    );
  }
  const all = Object.keys(rooms).map((name) => `src/${name}`);
  for (const folder of outerProjects) {
    const others = folder === 'native' ? all : [...all, ...outerProjects.slice(0, outerProjects.indexOf(folder))];
    files.set(`${folder}/tsconfig.json`, formatProject(folder, others));
  }
  const references = [...all, ...outerProjects].map((path) => ({ path }));
  files.set('tsconfig.json', print({ files: [], references }));
  return files;
}

function formatProject(folder: string, references: readonly string[]): string {
  const up = (path: string): string => relative(folder, path);
  const name = folder.replace(/^src\//, '');
  return print({
    extends: up('tsconfig.base.json'),
    compilerOptions: { rootDir: '.', outDir: up(`.tsc/${name}`), tsBuildInfoFile: up(`.tsc/${name}.tsbuildinfo`) },
    include: ['.'],
    references: references.map((path) => ({ path: up(path) })),
  });
}

function print(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

if (import.meta.main) {
  for (const [path, text] of planProjects(readRooms())) writeFileSync(join(projectRoot, path), text);
}
