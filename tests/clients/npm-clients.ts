import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Clients of npm that are not among our dependencies, because what they stand on has install scripts. Whoever wants these tests to run installs them,
 * without the scripts, and names the directory:
 *
 *     npm install --ignore-scripts --prefix DIR dockerode@5.0.1 testcontainers@12.2.0 @devcontainers/cli@0.89.0
 *     ORLOP_NPM_CLIENTS=DIR npm test
 */
const directory = process.env['ORLOP_NPM_CLIENTS'] ?? '';

/** Why a client cannot be used here, or false. */
export function whyNoClient(name: string, version: string): string | false {
  if (directory === '') return `${name} is not installed (ORLOP_NPM_CLIENTS names no directory)`;
  const file = join(directory, 'node_modules', name, 'package.json');
  if (!existsSync(file)) return `${name} is not in ${directory}`;
  const found = (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  return found === version ? false : `${name} is there as ${found}, and is tested as ${version}`;
}

/** A file of a client. */
export function clientFile(...parts: readonly string[]): string {
  return join(directory, 'node_modules', ...parts);
}
