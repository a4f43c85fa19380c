import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { completeLock, type Lock } from '../../scripts/lock.ts';
import { planProjects, projectRoot, readRooms } from '../../scripts/rooms.ts';
import { listFiles, readFiles } from './files.ts';
import { judgeImports, judgeRooms } from './imports.ts';
import { judgeLength, judgeLinks, judgeName, judgeText } from './rules.ts';

const rooms = readRooms();
const typescript = readFiles('.ts', '.mjs');
const native = readFiles('.c', '.h');
const markdown = readFiles('.md');
const own = (path: string): boolean => !path.startsWith('tests/tidy/');
const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');

function none(complaints: readonly string[]): void {
  assert.equal(complaints.length, 0, `\n${complaints.join('\n')}`);
}

test('the table of rooms only looks down', () => none(judgeRooms(rooms)));

test('each room imports and touches only what the table permits', () => {
  none(typescript.filter(({ path }) => path.startsWith('src/')).flatMap((file) => judgeImports(file, rooms)));
});

test("the compiler's projects are the table of rooms", () => {
  const differing = [...planProjects(rooms)].filter(([path, text]) => !existsSync(join(projectRoot, path)) || read(path) !== text);
  none(differing.map(([path]) => `${path} differs from src/rooms.json: run "npm run fix"`));
});

test('each room has a door that package.json names, and a README', () => {
  const { imports } = JSON.parse(read('package.json')) as { imports: Record<string, string> };
  const complaints = Object.keys(rooms).flatMap((room) => {
    const files = listFiles(`src/${room}`).filter((path) => path.endsWith('.ts'));
    if (files.length === 0) return [];
    const lacks = room === 'main' || files.includes(`src/${room}/index.ts`) ? [] : [`src/${room}: no index.ts`];
    if (room !== 'main' && imports[`#${room}`] !== `./src/${room}/index.ts`) lacks.push(`package.json: imports has no "#${room}"`);
    return existsSync(join(projectRoot, `src/${room}/README.md`)) ? lacks : [...lacks, `src/${room}: no README.md`];
  });
  none(complaints);
});

test('names say what is inside', () => none([...typescript, ...native].flatMap(judgeName)));

test('no file is too long', () => none([...typescript, ...native].flatMap(judgeLength)));

test("no default exports, no module state, no notes without an issue, no path of somebody's machine", () => {
  none([...typescript, ...native, ...markdown].filter(({ path }) => own(path)).flatMap(judgeText));
});

test('no link in the documents leads nowhere', () => none(markdown.flatMap(judgeLinks)));

test('dependencies have exact versions, a line that says why, and no install script that may run', () => {
  type Versions = Record<string, string>;
  const manifest = JSON.parse(read('package.json')) as {
    dependencies?: Versions;
    devDependencies: Versions;
    optionalDependencies: Versions;
  };
  const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, { resolved?: string }> };
  const why = read('docs/dependencies.md');
  const direct = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
  none([
    ...Object.entries(direct).flatMap(([name, version]) => (/^\d+\.\d+\.\d+$/.test(version) ? [] : [`${name}: ${version} is not exact`])),
    ...Object.keys(direct).flatMap((name) => (why.includes(`\`${name}\``) ? [] : [`docs/dependencies.md: no line for ${name}`])),
    ...Object.entries(lock.packages).flatMap(([path, entry]) =>
      entry.resolved === undefined ? [] : [`package-lock.json: ${path} records an address`],
    ),
    ...(/^ignore-scripts=true$/m.test(read('.npmrc')) ? [] : ['.npmrc: install scripts may run']),
  ]);
});

test('the lock file names the optional packages of every platform, without which "npm ci" refuses it', () => {
  const lock = JSON.parse(read('package-lock.json')) as Lock;
  const missing = Object.keys(completeLock(lock).packages).filter((path) => !(path in lock.packages));
  none(missing.map((path) => `package-lock.json lacks ${path}: run "npm run fix"`));
});
