import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadCase } from './load-peers.ts';
import { timeCommand } from './measure.ts';

const sizes = [200, 1500, 4000, 9000, 40_000, 120_000];

/** So many files, 29 kB each on average; the same bytes each time. */
export function makeManyFiles(folder: string, files: number): LoadCase {
  const tree = join(folder, 'tree');
  const words = Array.from({ length: 16 }, (_, at) => Buffer.alloc(130_000, createHash('sha512').update(String(at)).digest()));
  for (let at = 0; at < files; at += 1) {
    const directory = join(tree, `d${at % 20}`, `e${Math.floor(at / 50)}`);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `file${at}`), words[at % 16]?.subarray(at % 64, (at % 64) + (sizes[at % sizes.length] ?? 0)) ?? '');
  }
  const layer = join(folder, 'many.layer');
  timeCommand(['tar', '-C', tree, '-cf', layer, '.']);
  rmSync(tree, { recursive: true });
  return { what: `${files} files`, name: 'bench:many', layer, archive: archiveOf(folder, 'bench:many', layer, layer) };
}

/** A root file system, its layer packed with gzip as registries have them. */
export function makePackedRoot(folder: string, tar: string): LoadCase {
  const layer = join(folder, 'root.layer');
  timeCommand(['sh', '-c', 'gzip -6 <"$1" >"$2"', 'sh', tar, layer]);
  return { what: 'debian, gzip', name: 'bench:root', layer, archive: archiveOf(folder, 'bench:root', tar, layer) };
}

function archiveOf(folder: string, name: string, plain: string, layer: string): string {
  const place = join(folder, `${name.replace(':', '-')}.d`);
  mkdirSync(place);
  linkSync(layer, join(place, 'layer.tar'));
  const diffId = createHash('sha256').update(readFileSync(plain)).digest('hex');
  const rootfs = { type: 'layers', diff_ids: [`sha256:${diffId}`] };
  writeFileSync(join(place, 'config.json'), JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs }));
  writeFileSync(join(place, 'manifest.json'), JSON.stringify([{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }]));
  const archive = `${place}.tar`;
  timeCommand(['tar', '-C', place, '-cf', archive, 'layer.tar', 'config.json', 'manifest.json']);
  rmSync(place, { recursive: true });
  return archive;
}
