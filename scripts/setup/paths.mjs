import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
export const buildFolder = join(root, 'build');
const localCommands = join(root, 'node_modules/.bin');

/** The search path without this project's own node_modules: what the machine offers. */
export function systemPath() {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '' && !folder.includes('node_modules'))
    .join(delimiter);
}

/**
 * All executables of this name on the system's search path, and in the folders for administration, which a plain user's path lacks.
 * @param {string} name
 */
export function findCommands(name) {
  const folders = [...systemPath().split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder, name)).filter((path) => existsSync(path));
}

/** @param {string} name */
export function localCommand(name) {
  return join(localCommands, name);
}
