import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../scripts/rooms.ts';
import { writeBundle } from './bundle.ts';
import { image, type BenchEngine } from './engine.ts';
import { compare, throughput, timeCommand, type Contender } from './measure.ts';
import { familyOf, parentOf, proportionalKb, residentKb } from './memory.ts';
import { runInside } from './inside.ts';
import type { Peer } from './peers.ts';
import type { Row, Series } from './samples.ts';

export interface Bench {
  readonly engine: BenchEngine;
  readonly peers: readonly Peer[];
  readonly runtimes: readonly Contender[];
  readonly rounds: number;
  readonly tar: string;
  /** A folder that is removed at the end. */
  readonly scratch: string;
}

const busy = ['sleep', 'infinity'];

/** The same verb and flags for us and for each peer. */
function everyone({ engine, peers }: Bench, ...args: readonly string[]): Contender[] {
  const [verb = '', ...rest] = args;
  const others = peers.map(({ who, prefix, runFlags }) => ({
    who,
    command: [...prefix, verb, ...(verb === 'run' ? runFlags : []), ...rest],
  }));
  return [{ who: 'orlop', command: engine.orlop(...args) }, ...others];
}

/** Runs `work` while each engine has a container of this name that does nothing. */
async function withIdle<Result>(bench: Bench, name: string, work: () => Result | Promise<Result>): Promise<Result> {
  for (const { command } of everyone(bench, 'run', '-d', '--network', 'none', '--name', name, image, ...busy)) timeCommand(command);
  try {
    return await work();
  } finally {
    for (const { command } of everyone(bench, 'rm', '-f', name)) timeCommand(command);
  }
}

function ask(command: readonly string[]): string {
  const [file = '', ...args] = command;
  return spawnSync(file, args, { encoding: 'utf8' }).stdout.trim();
}

function runNone(bench: Bench): Row[] {
  const series = compare(everyone(bench, 'run', '--rm', '--network', 'none', image, 'true'), bench.rounds);
  return [{ work: 'run --rm --network none IMAGE true', unit: 'ms', budget: '<= 30', series }];
}

function runBridge(bench: Bench): Row[] {
  const able = { ...bench, peers: bench.peers.filter((peer) => peer.bridge) };
  const series = compare(everyone(able, 'run', '--rm', image, 'true'), bench.rounds);
  return [{ work: 'run --rm IMAGE true, bridge', unit: 'ms', budget: '<= 40', series }];
}

async function inside({ engine, peers, rounds }: Bench): Promise<Row[]> {
  const series = [{ who: 'orlop', values: await runInside(engine.socket, image, rounds) }];
  const docker = peers.find(({ socket }) => socket !== null)?.socket ?? null;
  if (docker !== null) series.push({ who: 'docker', values: await runInside(docker, image, rounds) });
  return [{ work: 'create, start, wait, remove inside the engine, no network', unit: 'ms', budget: '<= 10', series }];
}

async function exec(bench: Bench): Promise<Row[]> {
  const name = 'bench-exec';
  const series = await withIdle(bench, name, () => compare(everyone(bench, 'exec', name, 'true'), bench.rounds));
  return [{ work: 'exec CONTAINER true', unit: 'ms', budget: '<= 20', series }];
}

async function ps(bench: Bench): Promise<Row[]> {
  const series = await withIdle(bench, 'bench-ps', () => compare(everyone(bench, 'ps'), bench.rounds));
  return [{ work: 'ps', unit: 'ms', budget: '<= 11', series }];
}

async function many(bench: Bench): Promise<Row[]> {
  const series: Series[] = [];
  for (const { who, command } of everyone(bench, 'run', '--rm', '--network', 'none', image, 'true')) {
    series.push({ who, values: [await throughput(command, 40, 8)] });
  }
  return [{ work: '40 x run --rm, 8 at a time', unit: 'per s', budget: '>= 60', series }];
}

/** What stays in memory for a container that does nothing, beside its own process: the monitor; the shim or conmon. */
async function idle(bench: Bench): Promise<Row[]> {
  const name = 'bench-idle';
  return await withIdle(bench, name, () => {
    const contenders = everyone(bench, 'inspect', '--format', '{{.State.Pid}}', name);
    const series = contenders.map(({ who, command }) => ({ who, values: [proportionalKb([parentOf(Number(ask(command)))])] }));
    return [{ work: 'memory of an idle container (PSS)', unit: 'kB', budget: '<= 300', series }];
  });
}

function atRest({ engine, peers }: Bench): Row[] {
  const docker = peers.some(({ who }) => who === 'docker') ? Number(ask(['cat', '/run/orlop-bench/docker.pid'])) : null;
  const series = [{ who: 'orlop', values: [proportionalKb([engine.pid]) / 1024] }];
  if (docker !== null) series.push({ who: 'dockerd+containerd', values: [proportionalKb(familyOf(docker)) / 1024] });
  const resident = [{ who: 'orlop', values: [residentKb(engine.pid) / 1024] }];
  return [
    { work: 'engine at rest (PSS)', unit: 'MB', budget: '<= 80', series },
    { work: 'engine at rest (RSS)', unit: 'MB', budget: '', series: resident },
  ];
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

/** In the order they are run: the engine's memory first, while it has done little, then again after the work. */
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
};
