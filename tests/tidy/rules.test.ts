import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Room } from '../../scripts/rooms.ts';
import { findImports, judgeImports, judgeRooms } from './imports.ts';
import { judgeLength, judgeLinks, judgeName, judgeText } from './rules.ts';

const rooms: Readonly<Record<string, Room>> = {
  cellar: { storey: 0, imports: [], node: '', packages: '' },
  hall: { storey: 1, imports: ['cellar'], node: 'path fs/promises', packages: 'yaml' },
  'hall/inner': { storey: 1, imports: [], node: '', packages: '' },
};

const judge = (path: string, text: string): string[] => judgeImports({ path, text }, rooms);

test('finds every form of import and none in comments', () => {
  const text = `
import { a } from './a.ts';
import type { B } from '#b';
import './c.ts';
export { d,
  e } from './d.ts';
export * from './f.ts';
import g, * as all from './g.ts';
export interface Shape {
  kind: 'not-a-module';
}
// import './commented.ts';
/* import './commented-too.ts'; */
const later = await import('./later.ts');
export const words = 'from';
`;
  assert.deepEqual(findImports(text), ['./c.ts', './a.ts', '#b', './d.ts', './f.ts', './g.ts', './later.ts']);
});

test('accepts imports inside a room, through declared doors, and what the table permits', () => {
  assert.deepEqual(
    judge('src/hall/x.ts', `import './y.ts';\nimport '#cellar';\nimport 'node:path';\nimport 'node:fs/promises';\nimport 'yaml';`),
    [],
  );
});

test('refuses to reach past a door, an undeclared door, a module or a package that the room may not touch', () => {
  assert.match(judge('src/hall/x.ts', `import '../cellar/secret.ts';`)[0] ?? '', /past a door/);
  assert.match(judge('src/hall/x.ts', `import './inner/secret.ts';`)[0] ?? '', /past a door/);
  assert.match(judge('src/hall/x.ts', `import './y';`)[0] ?? '', /without its ending/);
  assert.match(judge('src/cellar/x.ts', `import '#hall';`)[0] ?? '', /may not import #hall/);
  assert.match(judge('src/hall/x.ts', `import 'node:net';`)[0] ?? '', /may not touch node:net/);
  assert.match(judge('src/hall/x.ts', `import 'fs';`)[0] ?? '', /may not use the package fs/);
  assert.match(judge('src/attic/x.ts', '')[0] ?? '', /no room/);
});

test('lets tests and test support touch any module, but no undeclared door', () => {
  assert.deepEqual(judge('src/cellar/x.test.ts', `import 'node:test';\nimport 'fast-check';`), []);
  assert.deepEqual(judge('src/cellar/testing/x.ts', `import 'node:net';`), []);
  assert.equal(judge('src/cellar/x.test.ts', `import '#hall';`).length, 1);
});

test('refuses a table in which a room looks up, sideways, or at nothing', () => {
  const room = (storey: number, ...imports: string[]): Room => ({ storey, imports, node: '', packages: '' });
  assert.deepEqual(judgeRooms({ low: room(0), high: room(1, 'low') }), []);
  assert.equal(judgeRooms({ low: room(0, 'high'), high: room(1) }).length, 1);
  assert.equal(judgeRooms({ left: room(1, 'right'), right: room(1) }).length, 1);
  assert.equal(judgeRooms({ lone: room(1, 'ghost') }).length, 1);
});

test('refuses names that say nothing, files that are too long, and untidy lines', () => {
  for (const path of ['src/x/utils.ts', 'src/x/string-helpers.ts', 'src/common/x.ts', 'src/x/camelCase.ts']) {
    assert.equal(judgeName({ path, text: '' }).length, 1, path);
  }
  assert.deepEqual(judgeName({ path: 'src/x/exit-codes.test.ts', text: '' }), []);
  assert.equal(judgeLength({ path: 'a.ts', text: 'x\n'.repeat(401) }).length, 1);
  assert.equal(judgeLength({ path: 'a.ts', text: 'x\n'.repeat(400) }).length, 0);
  const untidy = ['export default 1;', '// TODO later', "const p = '/work/x';", 'let count = 0;'];
  for (const line of untidy) assert.equal(judgeText({ path: 'src/x.ts', text: line }).length, 1, line);
  for (const line of ['// TODO(#12) later', 'upper/work/x', '  let count = 0;']) {
    assert.deepEqual(judgeText({ path: 'src/x.ts', text: line }), [], line);
  }
});

test('refuses a relative link that leads nowhere, outside code', () => {
  const text = '[a](package.json) [b](https://x.example/) [c](#here) [d](nowhere.md#x)\n```\n[e](also-nowhere.md)\n```\n';
  assert.deepEqual(judgeLinks({ path: 'x.md', text }), ['x.md: dead link nowhere.md']);
});
