// The case `network`: what bridges, published ports and their set-up cost, beside a plain bridge without rules and Docker's rules. Each world is made in a network
// namespace of its own (network-worlds.ts), so nothing of this machine's network takes part. All stand at once and are measured in turn, in another order each time: this
// machine's pace changes within a second by more than the worlds differ.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Row } from './samples.ts';

/** Ours first; the others are what it is held against. */
const worlds = { orlop: 'orlop', plain: 'bridge, no rules', docker: "docker's rules" } as const;

const works: readonly (readonly [work: string, unit: string, budget: string])[] = [
  ['container to container', 'Gbit/s', '0.95 of plain'],
  ['container to host', 'Gbit/s', '0.95 of plain'],
  ['outside to published port', 'Gbit/s', '0.95 of plain'],
  ['127.0.0.1 to published port', 'Gbit/s', ''],
  ['publish a port and take it back', 'ms', '1'],
];

/** `seconds` of traffic for each figure. Fails when iperf3 is missing. */
export async function network(rounds: number, seconds = 1): Promise<Row[]> {
  if (spawnSync('iperf3', ['--version']).error !== undefined) throw new Error('iperf3 is missing: apt-get install iperf3');
  const opened = Object.entries(worlds).map(([world, who]) => ({ who, ...openWorld(world, seconds) }));
  const rows: Row[] = [];
  try {
    for (const [work, unit, budget] of works) {
      const series = opened.map(({ who, measure }) => ({ who, measure, values: [] as number[] }));
      for (let round = 0; round < rounds; round += 1) {
        for (const { measure, values } of shuffle(series)) values.push(...[await measure(work)].filter((value) => value !== null));
      }
      rows.push({
        work,
        unit,
        budget,
        series: series.filter(({ values }) => values.length > 0).map(({ who, values }) => ({ who, values })),
      });
    }
  } finally {
    await Promise.all(opened.map(({ close }) => close()));
  }
  return rows;
}

interface OpenWorld {
  /** null: this world has no such thing. */
  measure(work: string): Promise<number | null>;
  close(): Promise<void>;
}

function openWorld(world: string, seconds: number): OpenWorld {
  const script = join(import.meta.dirname, 'network-worlds.ts');
  const process_ = spawn('unshare', ['--net', process.execPath, script, world, String(seconds)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: process_.stdout })[Symbol.asyncIterator]();
  const ended = once(process_, 'exit');
  return {
    async measure(work) {
      process_.stdin.write(`${work}\n`);
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`the world of ${world} ended while it measured: ${work}`);
      return JSON.parse(value) as number | null;
    },
    async close() {
      process_.stdin.end();
      await ended;
    },
  };
}

function shuffle<Item>(items: readonly Item[]): Item[] {
  const keyed = items.map((item) => ({ item, at: Math.random() }));
  return keyed.sort((a, b) => a.at - b.at).map(({ item }) => item);
}
