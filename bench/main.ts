// npm run bench: the budgets, beside the peers that are here. Prints; never asserts. --markdown adds a table for a page.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectRoot } from '../scripts/rooms.ts';
import { cases } from './cases.ts';
import { openEngine, prepareRootTar } from './engine.ts';
import { findEngines, findRuntimes, ourEngine } from './peers.ts';
import { formatMarkdown, formatRows, type Row } from './samples.ts';
import { describeSurroundings } from './surroundings.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    only: { type: 'string', default: '' },
    markdown: { type: 'boolean', default: false },
  },
});
const rounds = Number(options.rounds);
const wanted = options.only.split(',').filter(Boolean);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds ${options.rounds} is not a number of rounds`);
if (process.getuid?.() !== 0) throw new Error('the engine needs root: run "sudo npm run bench"');

const tar = prepareRootTar();
const peers = findEngines(tar);
const runtimes = findRuntimes();
const scratch = mkdtempSync('/var/tmp/orlop-bench-bundle-');
const rows: Row[] = [];
process.stdout.write(
  `peers: ${[...peers, ...runtimes].map(({ who }) => who).join(', ') || 'none'} (how to get more: ${join(projectRoot, 'bench/peers')})\n`,
);
try {
  await using engine = await openEngine(tar);
  for (const [name, measure] of Object.entries(cases)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    process.stderr.write(`${name} …\n`);
    try {
      rows.push(...(await measure({ engine, engines: [ourEngine(engine), ...peers], runtimes, rounds, tar, scratch })));
    } catch (error) {
      // One thing that cannot be measured is said and does not hide the others.
      process.stdout.write(`${name}: not measured: ${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.stdout.write(`\n${formatRows(rows)}\n`);
if (options.markdown) process.stdout.write(`\n${formatMarkdown(rows)}\n\nMedians of ${rounds} rounds; ${describeSurroundings()}\n`);
