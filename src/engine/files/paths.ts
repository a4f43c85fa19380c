import { posix } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import { AT_EMPTY_PATH, O_DIRECTORY, O_NOFOLLOW, O_PATH, openInRoot, S_IFLNK, S_IFMT, statInRoot, type Addon, type FileFacts } from '#sys';
import type { PathFacts } from '#wire';
import { isMissing, type ContainerRoot } from './root.ts';

/** A path as Docker's archive calls take it: its last part is not followed, unless a `/` or `/.` behind it asks for the directory itself. */
export interface AskedPath {
  /** Absolute and clean. */
  readonly path: string;
  /** As it was asked for: for messages. */
  readonly text: string;
  readonly asDirectory: boolean;
  /** What it is called in an archive: its last part, `.` where the path ends so, `/` for the root. */
  readonly name: string;
}

export function parseAskedPath(text: string): AskedPath {
  const path = posix.join('/', text).replace(/(?<=.)\/$/, '');
  const dotted = /(^|\/)\.$/.test(text) || (path === '/' && text.includes('.'));
  return {
    path,
    text,
    asDirectory: path === '/' || dotted || text.endsWith('/'),
    name: dotted ? '.' : path === '/' ? '/' : posix.basename(path),
  };
}

/** Opens what was asked for (O_PATH). Fails with not-found, or invalid-argument for what is no directory, in Docker's words. The caller closes it. */
export function openAsked(addon: Addon, root: ContainerRoot, asked: AskedPath, container: string): number {
  const { path, text, asDirectory } = asked;
  try {
    return openInRoot(addon, root.descriptor, path, O_PATH | (asDirectory ? O_DIRECTORY : O_NOFOLLOW));
  } catch (error) {
    if (asDirectory && isErrno(error, 'ENOTDIR'))
      throw new OrlopError('invalid-argument', 'ENGINE_NOT_A_DIRECTORY', `${path}/: not a directory`);
    if (isMissing(error)) throw missing(text, container);
    throw error;
  }
}

export function missing(path: string, container: string): OrlopError {
  return new OrlopError('not-found', 'ENGINE_PATH_NOT_FOUND', `Could not find the file ${path} in container ${container}`);
}

export function describePath(addon: Addon, root: ContainerRoot, asked: AskedPath, container: string): PathFacts {
  const descriptor = openAsked(addon, root, asked, container);
  try {
    const facts = addon.fstatat(descriptor, '', AT_EMPTY_PATH);
    return {
      name: asked.name,
      sizeBytes: facts.size,
      mode: facts.mode,
      mtimeNs: facts.mtimeNs,
      linkTarget: isLink(facts) ? targetOf(addon, root, asked, addon.readlinkat(descriptor, '')) : '',
    };
  } finally {
    addon.close(descriptor);
  }
}

function isLink({ mode }: FileFacts): boolean {
  return (mode & S_IFMT) === S_IFLNK;
}

/** Where the link leads, link after link, as far as that exists; no more than the kernel follows itself. */
function targetOf(addon: Addon, root: ContainerRoot, { path }: AskedPath, text: string): string {
  let target = posix.resolve(posix.dirname(path), text);
  for (let followed = 0; followed < 40; followed++) {
    try {
      if (!isLink(statInRoot(addon, root.descriptor, target, { follow: false }))) return target;
      target = posix.resolve(posix.dirname(target), readLink(addon, root, target));
    } catch (error) {
      if (isMissing(error)) return target;
      throw error;
    }
  }
  return target;
}

function readLink(addon: Addon, root: ContainerRoot, path: string): string {
  const descriptor = openInRoot(addon, root.descriptor, path, O_PATH | O_NOFOLLOW);
  try {
    return addon.readlinkat(descriptor, '');
  } finally {
    addon.close(descriptor);
  }
}
