import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../scripts/rooms.ts';
import { build } from './build.ts';
import { compose } from './compose.ts';
import { findLeftCgroups, lifeOf, writeBundle } from './bundle.ts';
import { image, openEngine, type BenchEngine } from './engine.ts';
import { machines } from './machines.ts';
import { compare, throughput, timeCommand, type Contender } from './measure.ts';
import { familyOf, parentOf, proportionalKb, residentKb } from './memory.ts';
import { runInside } from './inside.ts';
import { names } from './names.ts';
import { network } from './network.ts';
import type { Engine, Work } from './peers.ts';
import { registry } from './registry.ts';
import type { Row, Series } from './samples.ts';

export interface Bench {
  readonly engine: BenchEngine;
  /** Ours first. */
  readonly engines: readonly Engine[];
  readonly runtimes: readonly Contender[];
  readonly rounds: number;
  readonly tar: string;
  /** A folder that is removed at the end. */
  readonly scratch: string;
}

/** The same work for us and for each peer that has such a thing. */
function everyone({ engines }: Bench, work: Work): Contender[] {
  return engines.flatMap((engine) => {
    const command = engine.command(work);
    return command === null ? [] : [{ who: engine.who, command }];
  });
}

/** Runs `measure` while each engine has a container of this name that does nothing; a peer that cannot have one is said and left out. */
async function withIdle<Result>(bench: Bench, name: string, measure: (bench: Bench) => Result | Promise<Result>): Promise<Result> {
  const engines: Engine[] = [];
  try {
    for (const engine of bench.engines) {
      if (hasIdle(engine, name)) engines.push(engine);
    }
    return await measure({ ...bench, engines });
  } finally {
    for (const { command } of everyone({ ...bench, engines }, { verb: 'remove', name })) timeCommand(command);
  }
}

function hasIdle(engine: Engine, name: string): boolean {
  const command = engine.command({ verb: 'idle', name });
  try {
    if (command !== null) timeCommand(command);
    return true;
  } catch (error) {
    if (engine.who === 'orlop') throw error;
    process.stdout.write(`${engine.who} left out: ${error instanceof Error ? error.message : String(error)}\n`);
    return false;
  }
}

function ask(command: readonly string[]): string {
  const [file = '', ...args] = command;
  return spawnSync(file, args, { encoding: 'utf8' }).stdout.trim();
}

function runNone(bench: Bench): Row[] {
  const series = compare(everyone(bench, { verb: 'run', network: 'none' }), bench.rounds);
  return [{ work: 'run --rm --network none IMAGE true', unit: 'ms', budget: '<= 30', series }];
}

function runBridge(bench: Bench): Row[] {
  const series = compare(everyone(bench, { verb: 'run', network: 'bridge' }), bench.rounds);
  return [{ work: 'run --rm IMAGE true, bridge', unit: 'ms', budget: '<= 40', series }];
}

async function inside({ engines, rounds }: Bench): Promise<Row[]> {
  const series: Series[] = [];
  for (const { who, socket } of engines) {
    if (socket !== null) series.push({ who, values: await runInside(socket, image, rounds) });
  }
  return [{ work: 'create, start and wait inside the engine, no network', unit: 'ms', budget: '<= 10', series }];
}

async function exec(bench: Bench): Promise<Row[]> {
  const name = 'bench-exec';
  const series = await withIdle(bench, name, (able) => compare(everyone(able, { verb: 'exec', name }), bench.rounds));
  return [{ work: 'exec CONTAINER true', unit: 'ms', budget: '<= 20', series }];
}

async function ps(bench: Bench): Promise<Row[]> {
  const series = await withIdle(bench, 'bench-ps', (able) => compare(everyone(able, { verb: 'list' }), bench.rounds));
  return [{ work: 'ps', unit: 'ms', budget: '<= 11', series }];
}

async function many(bench: Bench): Promise<Row[]> {
  const series: Series[] = [];
  for (const { who, command } of everyone(bench, { verb: 'run', network: 'none' })) {
    series.push({ who, values: [await throughput(command, 40, 8)] });
  }
  return [{ work: '40 x run --rm, 8 at a time', unit: 'per s', budget: '>= 60', series }];
}

/** What stays in memory for a container that does nothing, beside its own process: our monitor; a shim, conmon, LXC's monitor. */
async function idle(bench: Bench): Promise<Row[]> {
  const name = 'bench-idle';
  return await withIdle(bench, name, (able) => {
    const questions = everyone(able, { verb: 'pid', name });
    const series = questions.map(({ who, command }) => ({ who, values: [proportionalKb([parentOf(Number(ask(command)))])] }));
    return [{ work: 'memory of an idle container (PSS)', unit: 'kB', budget: '<= 300', series }];
  });
}

const restBudget = '<= 80';

async function atRest({ engines }: Bench): Promise<Row[]> {
  await using fresh = await openEngine(null);
  const series = [{ who: 'orlop', values: [proportionalKb([fresh.pid]) / 1024] }];
  for (const { who, pidFile } of [
    { who: 'docker', pidFile: '/run/orlop-bench/docker.pid' },
    { who: 'lxd', pidFile: '/run/orlop-bench/lxd.pid' },
  ]) {
    if (engines.some((one) => one.who === who))
      series.push({ who, values: [proportionalKb(familyOf(Number(ask(['cat', pidFile])))) / 1024] });
  }
  const resident = [{ who: 'orlop', values: [residentKb(fresh.pid) / 1024] }];
  return [
    { work: 'engine at rest (PSS)', unit: 'MB', budget: restBudget, series },
    { work: 'engine at rest (RSS)', unit: 'MB', budget: '', series: resident },
  ];
}

/** The same engine that has imported an image and done all the work above. */
function afterWork({ engine }: Bench): Row[] {
  const series = [{ who: 'orlop', values: [proportionalKb([engine.pid]) / 1024] }];
  return [{ work: 'engine after all this (PSS)', unit: 'MB', budget: restBudget, series }];
}

function runtime({ runtimes, rounds, tar, scratch }: Bench): Row[] {
  const bundle = writeBundle(join(scratch, 'bundle'), tar);
  const ours: Contender = { who: 'orlop-runtime', command: [join(projectRoot, 'bin/orlop-runtime')] };
  const all = [ours, ...runtimes].map(({ who, command }) => ({
    who,
    command: [...command, 'run', '--bundle', bundle, `orlop-bench-${who}`],
  }));
  return [{ work: 'OCI runtime: run a bundle', unit: 'ms', budget: '<= 15', series: compare(all, rounds) }];
}

/** A hundred at once: what counts first is that all come through and nothing stays. */
async function runtimeMany({ runtimes, tar, scratch }: Bench): Promise<Row[]> {
  const bundle = writeBundle(join(scratch, 'bundle'), tar);
  const series: Series[] = [];
  for (const { who, command } of [{ who: 'orlop-runtime', command: [join(projectRoot, 'bin/orlop-runtime')] }, ...runtimes]) {
    try {
      const life = lifeOf(command, bundle);
      timeCommand(life);
      series.push({ who, values: [await throughput(life, 100, 100)] });
    } catch (error) {
      if (who === 'orlop-runtime') throw error;
      process.stdout.write(`${who} left out: ${error instanceof Error ? error.message : String(error)}\n`);
    }
    const left = findLeftCgroups();
    if (left.length > 0) process.stdout.write(`${who} left behind: ${left.join(' ')}\n`);
  }
  return [{ work: 'OCI runtime: 100 x create, start, delete, all at once', unit: 'per s', budget: '', series }];
}

/** Docker's daemon makes its bridge without firewall rules here (see bench/peers), which is less than what we do. */
function networks(bench: Bench): Row[] {
  const name = 'bench-network';
  const makers = everyone(bench, { verb: 'make network', name });
  const removers = everyone(bench, { verb: 'remove network', name });
  const series = makers.map(({ who, command }, at) => {
    const remove = removers[at]?.command ?? [];
    const once = (): number => timeCommand(command) + timeCommand(remove);
    once();
    return { who, values: Array.from({ length: bench.rounds }, once) };
  });
  return [{ work: 'network create, network rm', unit: 'ms', budget: '', series }];
}

/** In the order in which they are run. */
export const cases: Readonly<Record<string, (bench: Bench) => Row[] | Promise<Row[]>>> = {
  rest: atRest,
  none: runNone,
  bridge: runBridge,
  inside,
  exec,
  ps,
  many,
  idle,
  runtime,
  'runtime-many': runtimeMany,
  // Each round moves four gigabytes.
  registry: ({ scratch, rounds }) => registry(scratch, Math.min(rounds, 5)),
  names: ({ scratch, rounds }) => names(scratch, Math.min(rounds, 10)),
  networks,
  network: ({ rounds }) => network(rounds),
  build: (bench) => build({ ...bench, rounds: Math.min(bench.rounds, 5) }),
  compose: (bench) => compose({ ...bench, rounds: Math.min(bench.rounds, 5) }),
  machines: ({ engine, rounds }) => machines(engine, Math.min(rounds, 5)),
  after: afterWork,
};
