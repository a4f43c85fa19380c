import { posix } from 'node:path';
import type { Room } from '../../scripts/rooms.ts';
import type { SourceFile } from './files.ts';

type Rooms = Readonly<Record<string, Room>>;

/** The module names that a TypeScript text imports or re-exports, statically or by `import()`. */
export function findImports(text: string): string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
  const bare = /^[ \t]*import\s*['"]([^'"\n]+)['"]/gm;
  const named =
    /^[ \t]*(?:import|export)\s+(?:type\s+)?(?:[\w$]+\s*,?\s*)?(?:\*(?:\s+as\s+[\w$]+)?|\{[^}]*\})?\s*from\s*['"]([^'"\n]+)['"]/gm;
  const calls = /\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/g;
  return [bare, named, calls].flatMap((form) => [...code.matchAll(form)]).map((match) => match[1] ?? '');
}

/** The room that a path lies in; rooms may be nested folders (`api/http`). */
export function roomOf(path: string, rooms: Rooms): string | null {
  const inside = Object.keys(rooms).filter((room) => path.startsWith(`src/${room}/`));
  return inside.sort((a, b) => b.length - a.length)[0] ?? null;
}

/** A test, or support for tests that lives in a folder `testing` or `fixtures` of a room: it may touch what the room itself must not. */
export function isForTests(path: string): boolean {
  return (
    path.endsWith('.test.ts') ||
    path
      .slice('src/'.length)
      .split('/')
      .slice(0, -1)
      .some((folder) => folder === 'testing' || folder === 'fixtures')
  );
}

/** What one file of a room imports against the law, one sentence each. */
export function judgeImports(file: SourceFile, rooms: Rooms): string[] {
  const name = roomOf(file.path, rooms);
  const room = name === null ? undefined : rooms[name];
  if (name === null || room === undefined) return [`${file.path}: lies in no room`];
  return findImports(file.text).flatMap((module) => {
    const complaint = judgeImport(file.path, module, name, room, rooms);
    return complaint === null ? [] : [`${file.path}: ${complaint}`];
  });
}

function judgeImport(path: string, module: string, name: string, room: Room, rooms: Rooms): string | null {
  if (module.startsWith('.')) {
    const target = posix.join(posix.dirname(path), module);
    if (roomOf(target, rooms) !== name) return `reaches ${module} past a door`;
    return /\.(ts|json)$/.test(target) ? null : `imports ${module} without its ending`;
  }
  if (module.startsWith('#')) return room.imports.includes(module.slice(1)) ? null : `${name} may not import ${module}`;
  if (isForTests(path)) return null;
  if (module.startsWith('node:')) return permits(room.node, module.slice('node:'.length)) ? null : `${name} may not touch ${module}`;
  return permits(room.packages, module) ? null : `${name} may not use the package ${module}`;
}

function permits(list: string, wanted: string): boolean {
  const names = list.split(' ');
  return names.includes('*') || names.includes(wanted);
}

/** What the table of rooms itself says against the law: imports go strictly down, and only to rooms that exist. */
export function judgeRooms(rooms: Rooms): string[] {
  return Object.entries(rooms).flatMap(([name, room]) =>
    room.imports.flatMap((other) => {
      const target = rooms[other];
      if (target === undefined) return [`${name} imports ${other}, which is no room`];
      return target.storey < room.storey ? [] : [`${name} on storey ${room.storey} imports ${other} on storey ${target.storey}`];
    }),
  );
}
