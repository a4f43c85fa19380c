// The case `network`: what bridges, published ports and their set-up cost, beside a plain bridge without rules and Docker's rules. Each round makes each world anew in
// a network namespace of its own (network-worlds.ts), so nothing of this machine's network takes part.
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Row } from './samples.ts';

/** Ours first; the others are what it is held against. */
const worlds = { orlop: 'orlop', plain: 'bridge, no rules', docker: "docker's rules" } as const;

const works: readonly (readonly [work: string, unit: string, budget: string])[] = [
  ['container to container', 'Gbit/s', 'as plain'],
  ['container to host', 'Gbit/s', 'as plain'],
  ['outside to published port', 'Gbit/s', '0.95 of plain'],
  ['127.0.0.1 to published port', 'Gbit/s', ''],
  ['publish a port and take it back', 'ms', '1'],
];

/** `seconds` of traffic for each figure. Fails when iperf3 is missing. */
export function network(rounds: number, seconds = 2): Row[] {
  if (spawnSync('iperf3', ['--version']).error !== undefined) throw new Error('iperf3 is missing: apt-get install iperf3');
  const measured = Object.fromEntries(Object.keys(worlds).map((world) => [world, [] as Record<string, number>[]]));
  for (let round = 0; round < rounds; round += 1) {
    for (const world of Object.keys(worlds)) {
      const script = join(import.meta.dirname, 'network-worlds.ts');
      const printed = execFileSync('unshare', ['--net', process.execPath, script, world, String(seconds)], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
        timeout: 120_000,
      });
      measured[world]?.push(JSON.parse(printed) as Record<string, number>);
    }
  }
  return works.map(([work, unit, budget]) => ({
    work,
    unit,
    budget,
    series: Object.entries(worlds).flatMap(([world, who]) => {
      const values = (measured[world] ?? []).flatMap((one) => one[work] ?? []);
      return values.length === 0 ? [] : [{ who, values }];
    }),
  }));
}
