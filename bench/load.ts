// Loading and unpacking an image of many files, beside podman and GNU tar: node bench/load.ts [--files N] [--rounds N] [--folder DIRECTORY]
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openEngine } from './engine.ts';
import { timeCommand } from './measure.ts';
import { formatRows, type Series } from './samples.ts';

const { values: options } = parseArgs({
  options: {
    files: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '3' },
    folder: { type: 'string', default: '/var/tmp' },
  },
});

/** Something that loads the archive, and undoes it. */
interface Loader {
  readonly who: string;
  readonly load: readonly string[];
  readonly undo: readonly string[];
}

const sizes = [200, 1500, 4000, 9000, 40_000, 120_000];

/** A docker-archive of one layer with so many files, 29 kB each on average; the same bytes each time. */
function makeArchive(folder: string, files: number): { readonly archive: string; readonly layer: string } {
  const tree = join(folder, 'tree');
  const words = Array.from({ length: 16 }, (_, at) => Buffer.alloc(130_000, createHash('sha512').update(String(at)).digest()));
  for (let at = 0; at < files; at += 1) {
    const directory = join(tree, `d${at % 20}`, `e${Math.floor(at / 50)}`);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `file${at}`), words[at % 16]?.subarray(at % 64, (at % 64) + (sizes[at % sizes.length] ?? 0)) ?? '');
  }
  const layer = join(folder, 'layer.tar');
  timeCommand(['tar', '-C', tree, '-cf', layer, '.']);
  rmSync(tree, { recursive: true });
  const diffId = createHash('sha256').update(readFileSync(layer)).digest('hex');
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [`sha256:${diffId}`] },
  });
  writeFileSync(join(folder, 'config.json'), config);
  writeFileSync(
    join(folder, 'manifest.json'),
    JSON.stringify([{ Config: 'config.json', RepoTags: ['bench:load'], Layers: ['layer.tar'] }]),
  );
  const archive = join(folder, 'archive.tar');
  timeCommand(['tar', '-C', folder, '-cf', archive, 'layer.tar', 'config.json', 'manifest.json']);
  return { archive, layer };
}

function podman(folder: string, archive: string): Loader[] {
  if (spawnSync('podman', ['--version']).status !== 0) return [];
  const base = ['podman', '--root', join(folder, 'podman'), '--runroot', join(folder, 'podman-run'), '--storage-driver', 'overlay'];
  return [{ who: 'podman', load: [...base, 'load', '-q', '-i', archive], undo: [...base, 'rmi', '-f', 'bench:load'] }];
}

function measure(loaders: readonly Loader[], rounds: number): Series[] {
  const values = loaders.map((): number[] => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, { load, undo }] of loaders.entries()) {
      // What one leaves to be written must not be another's wait.
      timeCommand(['sync']);
      values[index]?.push(timeCommand(load));
      timeCommand(undo);
    }
  }
  return loaders.map(({ who }, index) => ({ who, values: values[index] ?? [] }));
}

const folder = mkdtempSync(join(options.folder, 'orlop-bench-load-'));
try {
  const { archive, layer } = makeArchive(folder, Number(options.files));
  await using engine = await openEngine(null);
  const out = join(folder, 'out');
  const series = measure(
    [
      { who: 'orlop', load: engine.orlop('load', '-q', '-i', archive), undo: engine.orlop('rmi', '-f', 'bench:load') },
      ...podman(folder, archive),
      { who: 'tar -x, not stored nor synced', load: ['sh', '-c', `mkdir ${out} && tar -C ${out} -xf ${layer}`], undo: ['rm', '-r', out] },
    ],
    Number(options.rounds),
  );
  const megabytes = statSync(archive).size / 1e6;
  process.stdout.write(`${options.files} files, ${megabytes.toFixed(0)} MB\n`);
  const speeds = series.map(({ who, values }) => ({ who, values: values.map((ms) => megabytes / (ms / 1000)) }));
  process.stdout.write(`${formatRows([{ work: 'load', unit: 'ms', budget: '>= 1.5x', series }])}\n`);
  process.stdout.write(`${formatRows([{ work: 'load', unit: 'MB/s', budget: '', series: speeds }])}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
