import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from './rooms.ts';

interface Check {
  readonly name: string;
  readonly command: readonly string[];
}

const tool = (name: string): string => join(projectRoot, 'node_modules/.bin', name);
const node = process.execPath;

const checks: readonly Check[] = [
  { name: 'types', command: [node, tool('tsc'), '-b'] },
  { name: 'lint', command: [node, tool('oxlint'), '--type-aware', '--deny-warnings'] },
  { name: 'dead code', command: [node, tool('knip')] },
  { name: 'format', command: [node, tool('biome'), 'format', '.'] },
  { name: 'tidy', command: [node, '--test', '--test-isolation=none', '--test-reporter=dot', 'tests/tidy/*.test.ts'] },
];

const fixes: readonly Check[] = [
  { name: 'lock file', command: [node, 'scripts/lock.ts'] },
  { name: 'compiler projects', command: [node, 'scripts/rooms.ts'] },
  { name: 'reference', command: [node, 'scripts/reference.ts'] },
  { name: 'lint', command: [node, tool('oxlint'), '--type-aware', '--fix'] },
  { name: 'format', command: [node, tool('biome'), 'format', '--write', '.'] },
];

/** One line a check; what it said only when it failed. */
async function perform(check: Check): Promise<boolean> {
  const started = performance.now();
  const [command = '', ...args] = check.command;
  const child = spawn(command, args, { cwd: projectRoot, stdio: ['ignore', 'pipe', 'pipe'] });
  const said: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${code === 0 ? 'ok    ' : 'FAILED'}  ${check.name} (${seconds} s)\n`);
  if (code !== 0) process.stdout.write(`${Buffer.concat(said).toString().trimEnd()}\n\n`);
  return code === 0;
}

async function inOrder(list: readonly Check[]): Promise<boolean> {
  let good = true;
  for (const check of list) good = (await perform(check)) && good;
  return good;
}

const fix = process.argv.includes('--fix');
const good = fix
  ? await inOrder(fixes)
  : // The compiler is the longest: the others fit beside it on two cores.
    (await Promise.all([inOrder(checks.slice(0, 1)), inOrder(checks.slice(1))])).every(Boolean);
process.exitCode = good ? 0 : 1;
