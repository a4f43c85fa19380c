import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findDockerPlugin } from '../tests/clients/docker-plugins.ts';
import { copyThreeTier } from '../tests/clients/three-tier-folder.ts';
import type { BenchEngine } from './engine.ts';
import { timeCommand } from './measure.ts';
import type { Engine } from './peers.ts';
import type { Row, Series } from './samples.ts';

const images = ['three-tier/front', 'three-tier/app', 'three-tier/database'];
const budget = '<= half of docker compose';

export interface ComposeBench {
  readonly engine: BenchEngine;
  readonly engines: readonly Engine[];
  readonly rounds: number;
  readonly scratch: string;
}

/** Whoever brings projects up: the command line before the verb. */
interface Composer {
  readonly who: string;
  readonly command: readonly string[];
  readonly spent: Record<Work['name'], number[]>;
}

const works = [
  { name: 'up', args: ['up', '-d', '--wait'], work: 'compose up of examples/three-tier, images there, until all are healthy' },
  { name: 'again', args: ['up', '-d'], work: 'the same when nothing has changed' },
  { name: 'down', args: ['down'], work: 'compose down' },
] as const;
type Work = (typeof works)[number];

/** `examples/three-tier`, built here once; the peer is the Compose plugin on Docker's daemon, with the same images and file. */
export async function compose({ engine, engines, rounds, scratch }: ComposeBench): Promise<Row[]> {
  const folder = join(scratch, 'three-tier');
  await writeProject(folder);
  const composers: Composer[] = [composer('orlop', engine.orlop('compose', '--project-directory', folder))];
  timeCommand([...(composers[0]?.command ?? []), 'build', '-q']);
  const docker = engines.find(({ who }) => who === 'docker');
  const plugin = docker === undefined ? null : findDockerPlugin('docker-compose');
  if (docker === undefined || docker.socket === null) process.stdout.write('compose: no dockerd to compare with\n');
  else if (plugin === null) process.stdout.write('compose: the Compose plugin is not here and cannot be had\n');
  else {
    moveImages(engine, docker.socket, scratch);
    composers.push(composer('docker compose', ['env', `DOCKER_HOST=unix://${docker.socket}`, plugin, '--project-directory', folder]));
  }
  try {
    measure(composers, rounds);
  } finally {
    for (const { command } of composers) timeCommand([...command, 'down', '-v']);
  }
  return works.map(({ name, work }): Row => {
    const series = composers.map(({ who, spent }): Series => ({ who, values: spent[name].map((ms) => ms / 1000) }));
    return { work, unit: 's', budget, series };
  });
}

function composer(who: string, command: readonly string[]): Composer {
  return { who, command, spent: { up: [], again: [], down: [] } };
}

/** By turns; the first round, in which the database makes its cluster, does not count. */
function measure(composers: readonly Composer[], rounds: number): void {
  for (let round = 0; round <= rounds; round++)
    for (const { command, spent } of composers)
      for (const { name, args } of works) {
        const ms = timeCommand([...command, ...args]);
        if (round > 0) spent[name].push(ms);
      }
}

async function writeProject(folder: string): Promise<void> {
  await copyThreeTier(folder);
  // Docker's engines before 25 cannot ask more often while a container starts: all ask as often all the time.
  const healthcheck = 'healthcheck: {interval: 200ms, retries: 300, start_period: !reset null, start_interval: !reset null}';
  const services = ['front', 'app', 'database'].map((name) => `  ${name}: {${healthcheck}}\n`);
  writeFileSync(join(folder, 'compose.override.yaml'), `services:\n${services.join('')}`);
}

function moveImages(engine: BenchEngine, socket: string, scratch: string): void {
  const archive = join(scratch, 'three-tier.tar');
  timeCommand(engine.orlop('save', '-o', archive, ...images));
  timeCommand(['docker', '-H', `unix://${socket}`, 'load', '-i', archive]);
  rmSync(archive);
}
