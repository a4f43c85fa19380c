import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { projectRoot } from './rooms.ts';

/** Runs the tests named on the command line, else all of them, and ends as node's runner does. */
const wanted = process.argv.slice(2);
const patterns = wanted.some((argument) => !argument.startsWith('-'))
  ? []
  : ['native/**/*.test.ts', 'src/**/*.test.ts', 'tests/**/*.test.ts'];
const concurrency = Math.min(availableParallelism(), 4);
// A test that hangs fails after five minutes, with its name; the longest builds a whole distribution.
const options = ['--test', `--test-concurrency=${concurrency}`, '--test-timeout=300000'];
if (process.getuid?.() !== 0)
  process.stdout.write('Not root: tests that need root or namespaces of their own are skipped, each with its reason.\n');
const run = spawnSync(process.execPath, [...options, ...wanted, ...patterns], { cwd: projectRoot, stdio: 'inherit' });
process.exitCode = run.status ?? 1;
