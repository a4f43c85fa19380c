import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError, run, timed } from './report.mjs';
import { findCommands, root, systemPath } from './paths.mjs';

/** Installs exactly what the lock file says; a stamp inside node_modules remembers which lock file that was. */
export function ensureNpmPackages() {
  const stamp = join(root, 'node_modules/.orlop-lock');
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return false;
  // The Node of node_modules may be running this: npm replaces it, so npm itself must run on the system's.
  const env = { ...process.env, PATH: systemPath() };
  if (findCommands('npm').length === 0) throw new SetupError('npm is not installed. Install npm 10 or later and try again.');
  timed('installing npm packages', () => {
    const done = run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: root, env });
    if (!done.ok) throw new SetupError('"npm ci" failed. Make sure that the npm registry can be reached and try again.', done.said);
  });
  writeFileSync(stamp, wanted);
  return true;
}
