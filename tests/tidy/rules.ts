import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { projectRoot } from '../../scripts/rooms.ts';
import type { SourceFile } from './files.ts';

export const longestFile = 400;

/** Files that may be longer, each with its reason. */
const mayBeLong: Readonly<Record<string, string>> = {};

const emptyNames = /^(.*[-_])?(utils?|helpers?|common|misc)$/;

/** Names say what is inside; TypeScript files are kebab-case. */
export function judgeName({ path }: SourceFile): string[] {
  const stem = basename(path).split('.')[0] ?? '';
  const complaints =
    emptyNames.test(stem) || path.split('/').some((part) => emptyNames.test(part)) ? [`${path}: the name says nothing`] : [];
  if (path.endsWith('.ts') && !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(stem)) complaints.push(`${path}: the name is not kebab-case`);
  return complaints;
}

export function judgeLength({ path, text }: SourceFile): string[] {
  const lines = text.split('\n').length - 1;
  return lines <= longestFile || path in mayBeLong ? [] : [`${path}: ${lines} lines; split it by noun or by stage`];
}

/** Style that no other tool here checks. Only code that ships is held to "no module state". */
export function judgeText({ path, text }: SourceFile): string[] {
  const complaints: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const at = `${path}:${index + 1}`;
    if (/^export default\b/.test(line)) complaints.push(`${at}: default export`);
    if (/\b(TODO|FIXME|XXX)\b(?!\(#\d+\))/.test(line)) complaints.push(`${at}: a note without the number of an issue`);
    if (/(^|[\s'"`(=:])\/work\/|\.\.\/shared\b/.test(line)) complaints.push(`${at}: names a path outside the project`);
    if (path.startsWith('src/') && /^(export )?(let|var)\b/.test(line)) complaints.push(`${at}: module state`);
  }
  return complaints;
}

/** Relative links of a Markdown file that lead nowhere. */
export function judgeLinks({ path, text }: SourceFile): string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '');
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => (match[1] ?? '').split('#')[0] ?? '');
  const local = targets.filter((target) => target !== '' && !/^[a-z]+:/.test(target));
  return local.filter((target) => !existsSync(join(projectRoot, dirname(path), target))).map((target) => `${path}: dead link ${target}`);
}
