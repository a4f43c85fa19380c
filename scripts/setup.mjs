// Sets up whatever is missing: Debian packages, npm packages, a Node that is new enough, the native parts, the bundles.
// Plain JavaScript without dependencies, because it must run on the Node that happens to be there (18 or later).
import { buildBundles, buildNatives } from './setup/build.mjs';
import { SetupError, formatDuration } from './setup/report.mjs';
import { ensureNode } from './setup/node.mjs';
import { ensureNpmPackages } from './setup/npm.mjs';
import { ensureSystemPackages } from './setup/packages.mjs';

const steps = [ensureSystemPackages, ensureNpmPackages, ensureNode, buildNatives, buildBundles];

const started = Date.now();
const options = { forTests: process.argv.includes('--tests') };
try {
  let worked = false;
  for (const step of steps) worked = step(options) || worked;
  const spent = formatDuration(Date.now() - started);
  process.stdout.write(worked ? `set-up: done in ${spent}\n` : `set-up: up to date (${spent})\n`);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  if (error.said !== '') process.stderr.write(`${error.said}\n`);
  process.stderr.write(`set-up: ${error.message}\n`);
  process.exitCode = 1;
}
