import { posix } from 'node:path';
import { wrongWords } from '../arguments/usage-error.ts';

/** One side of a copy: a path in a container, a path here, or `-` for an archive on a standard stream. */
export interface CopyPlace {
  /** undefined: here. */
  readonly container?: string;
  readonly path: string;
}

/** `CONTAINER:PATH`; what begins with `/` or `.` is a path here, whatever colons are in it (docker cp). */
export function parseCopyPlace(text: string): CopyPlace {
  const colon = text.indexOf(':');
  if (colon <= 0 || text.startsWith('/') || text.startsWith('.')) return { path: text };
  const path = text.slice(colon + 1);
  if (path === '') throw wrongWords(`${JSON.stringify(text)} names no path: write CONTAINER:PATH`);
  return { container: text.slice(0, colon), path };
}

/** Whether a path asks for the directory itself, with `/` or `/.` at its end. */
export function asksForDirectory(path: string): boolean {
  return /(^|\/)\.?$/.test(path);
}

export function asksForContent(path: string): boolean {
  return /(^|\/)\.$/.test(path);
}

/** What the place of a copy's end is. */
export interface Found {
  readonly isDirectory: boolean;
}

/** Into which directory, and under which name; no name: the content of one directory into the other. */
export interface Landing {
  readonly directory: string;
  readonly name: string | null;
}

/**
 * Where a copy lands, by the rules of cp -a as Docker has them ("docker container cp"): in a directory that is there under the source's name, or its content only where
 * the source ends in `/.`; else under the name that was given. `found` null: nothing is there. Pure. Fails as usage errors in Docker's words.
 */
export function planLanding(source: { path: string; name: string; isDirectory: boolean }, target: string, found: Found | null): Landing {
  const clean = posix.normalize(target).replace(/(?<=.)\/\.?$/, '');
  if (found?.isDirectory === true) {
    return { directory: clean, name: source.isDirectory && asksForContent(source.path) ? null : source.name };
  }
  if (found !== null && source.isDirectory) throw wrongWords('cannot copy directory: the destination is a file');
  if (!source.isDirectory && asksForDirectory(target)) throw wrongWords(`no such directory: ${target}`);
  return { directory: posix.dirname(clean), name: posix.basename(clean) };
}
