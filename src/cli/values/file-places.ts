import { posix } from 'node:path';
import { usageError } from '../arguments/usage-error.ts';
import type { ContainerPath } from './copy-sides.ts';

/** `NAME/path`, as LXD and Incus write it, or `NAME:/path`; the path is absolute in the container. A name alone is its root, where that is allowed. */
export function parseFilePlace(text: string, { root = false } = {}): ContainerPath {
  const [, container = '', path = ''] = /^([^/:]+)(?::(?=\/))?(\/.*)?$/s.exec(text) ?? [];
  if (container === '') throw usageError(`${JSON.stringify(text)} names no file of a container: write CONTAINER/path`);
  if (path === '' && !root) throw usageError(`${JSON.stringify(text)} names no path: write CONTAINER/path`);
  return { container, path: path === '' ? '/' : path };
}

/** Where a file is put: under the name that is given, or in the directory under its own. */
export function pathOfFile(target: string, name: string, isDirectory: boolean): string {
  return isDirectory || target.endsWith('/') ? posix.join(target, name) : target;
}

/** Octal digits, as chmod(1) takes them. */
export function parseMode(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[0-7]{1,4}$/.test(text)) throw usageError(`invalid mode ${JSON.stringify(text)}: write octal digits such as 0644`);
  return Number.parseInt(text, 8);
}
