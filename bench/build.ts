import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { image, type BenchEngine } from './engine.ts';
import { compare, timeCommand, type Contender } from './measure.ts';
import type { Engine } from './peers.ts';
import type { Row } from './samples.ts';

/** Whoever builds. The options come before the context. */
interface Builder {
  readonly who: string;
  build(context: string, ...options: string[]): string[];
}

export interface BuildBench {
  readonly engine: BenchEngine;
  readonly engines: readonly Engine[];
  /** Measured rounds; the slow peers take their time. */
  readonly rounds: number;
  readonly tar: string;
  readonly scratch: string;
}

const steps = 20;
const files = 10_000;
const budgets = { uncached: '<= 1', cached: '<= 0.1' };

/** Builds without network: steps that do next to nothing, the same again, a context of many files, and stages that do not need each other. */
export function build(bench: BuildBench): Row[] {
  const { rounds, scratch } = bench;
  const builders = findBuilders(bench);
  const race = (work: string, budget: string, context: string, ...options: string[]): Row => {
    const contenders: Contender[] = builders.map(({ who, build: command }) => ({ who, command: command(context, ...options) }));
    const series = compare(contenders, rounds).map(({ who, values }) => ({ who, values: values.map((ms) => ms / 1000) }));
    return { work, unit: 's', budget, series };
  };
  const trivial = contextOf(
    scratch,
    'trivial',
    Array.from({ length: steps }, (_, index) => `RUN echo ${index}`),
  );
  const many = contextOf(scratch, 'many', ['COPY . /all']);
  for (let at = 0; at < files; at++) {
    const directory = join(many, `d${at % 100}`);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `f${at}`), `${at}\n`.repeat(100));
  }
  const stages = ['a', 'b', 'c', 'd'];
  const wide = contextOf(scratch, 'wide', [
    ...stages.flatMap((name) => [`FROM ${image} AS ${name}`, `RUN sleep 0.5 && echo ${name} > /${name}`]),
    'FROM scratch',
    ...stages.map((name) => `COPY --from=${name} /${name} /`),
  ]);
  return [
    race(`build: ${steps} trivial RUN steps, not cached`, budgets.uncached, trivial, '--no-cache'),
    race(`build: the same, cached`, budgets.cached, trivial),
    race(`build: COPY of a context of ${files} files, not cached`, '', many, '--no-cache'),
    race(`build: the same, cached`, '', many),
    race(`build: ${stages.length} stages of half a second each, not cached`, '', wide, '--no-cache'),
  ];
}

function contextOf(scratch: string, name: string, lines: readonly string[]): string {
  const directory = join(scratch, `build-${name}`);
  mkdirSync(directory);
  const from = lines[0]?.startsWith('FROM') === true ? [] : [`FROM ${image}`];
  writeFileSync(join(directory, 'Dockerfile'), `${[...from, ...lines].join('\n')}\n`);
  return directory;
}

/** Debian's own client can still ask its daemon for BuildKit; newer ones need buildx for that. */
const olderDocker = '/usr/bin/docker';

function findBuilders({ engine, engines, tar }: BuildBench): Builder[] {
  const plain = ['--network', 'none'];
  const found: Builder[] = [{ who: 'orlop', build: (context, ...options) => engine.orlop('build', '-q', ...plain, ...options, context) }];
  const docker = engines.find(({ who }) => who === 'docker');
  for (const [who, setting] of [
    ['docker classic', '0'],
    ['docker BuildKit', '1'],
  ] as const) {
    if (docker?.socket === undefined || docker.socket === null || !existsSync(olderDocker)) continue;
    const prefix = ['env', `DOCKER_BUILDKIT=${setting}`, olderDocker, '-H', `unix://${docker.socket}`, 'build', '-q'];
    found.push({ who, build: (context, ...options) => [...prefix, ...plain, ...options, context] });
  }
  const buildah = findBuildah(tar);
  return buildah === null ? found : [...found, buildah];
}

function findBuildah(tar: string): Builder | null {
  if (spawnSync('buildah', ['--version'], { stdio: 'ignore' }).error !== undefined) return null;
  const places = ['--root', '/var/lib/orlop-bench/buildah', '--runroot', '/run/orlop-bench/buildah', '--storage-driver', 'overlay'];
  const buildah = (...words: readonly string[]): string[] => ['buildah', ...places, ...words];
  // A bench that was cut off left its container, mounted.
  timeCommand(buildah('rm', '--all'));
  const name = `docker.io/library/${image}`;
  const [file = '', ...check] = buildah('inspect', '--type', 'image', name);
  if (spawnSync(file, check, { stdio: 'ignore' }).status !== 0) {
    const script =
      'buildah "$@" from --name orlop-bench scratch && buildah "$@" add -q orlop-bench "$TAR" / && buildah "$@" commit -q --rm orlop-bench "$NAME"';
    timeCommand(['env', `TAR=${tar}`, `NAME=${name}`, 'sh', '-c', script, 'sh', ...places]);
  }
  // Its other isolations need a cgroup layout that not every host has.
  const usual = ['bud', '-q', '--layers', '--isolation', 'chroot', '--pull-never'];
  return { who: 'buildah', build: (context, ...options) => buildah(...usual, ...options, context) };
}
