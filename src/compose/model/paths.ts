import { isAbsolute, join } from 'node:path';
import { derived, text, type Reading, type Shape } from '../shape/index.ts';

/** A path as the engine's machine knows it; relative ones are of the file's directory. */
export function resolvePath(path: string, { directory, home }: Pick<Reading, 'directory' | 'home'>): string {
  if (directory === null) return path;
  if (path === '~' || path.startsWith('~/')) return join(home, path.slice(1));
  return isAbsolute(path) ? path : join(directory, path);
}

export function filePath(): Shape<string> {
  return derived(text(), resolvePath);
}

/** What a build may begin from besides a directory: a repository, an archive, an image, another service. */
export function isRemote(context: string): boolean {
  return (
    /^(?:https?|git|ssh|docker-image|oci-layout|target):\/\//.test(context) ||
    /^(?:git@|github\.com\/|service:|target:)/.test(context) ||
    /\.git(?:#.*)?$/.test(context)
  );
}

export function contextPath(): Shape<string> {
  return derived(text(), (path, reading) => (isRemote(path) ? path : resolvePath(path, reading)));
}
