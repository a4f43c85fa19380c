import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const layout = 'blobs/sha256';

/**
 * Writes an archive that holds one image of one layer, as `docker save` does and as an OCI image layout at the same time, so that every engine takes it.
 * `name` is a whole reference: `docker.io/library/busybox:test`.
 */
export function writeImageArchive(file: string, rootfs: string, name: string): void {
  const place = `${file}.d`;
  mkdirSync(join(place, layout), { recursive: true });
  const layer = putBlob(place, runTar(['-C', rootfs, '--numeric-owner', '-c', '.']), 'application/vnd.oci.image.layer.v1.tar');
  const config = putBlob(
    place,
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: { Env: ['PATH=/bin'], Cmd: ['sh'] },
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
      history: [{ created_by: 'test' }],
    }),
    'application/vnd.oci.image.config.v1+json',
  );
  const manifest = putBlob(
    place,
    JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config, layers: [layer] }),
    'application/vnd.oci.image.manifest.v1+json',
  );
  const annotations = { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name.replace(/^.*:/, '') };
  writeJson(join(place, 'oci-layout'), { imageLayoutVersion: '1.0.0' });
  writeJson(join(place, 'index.json'), { schemaVersion: 2, manifests: [{ ...manifest, annotations }] });
  writeJson(join(place, 'manifest.json'), [{ Config: pathOf(config.digest), RepoTags: [name], Layers: [pathOf(layer.digest)] }]);
  writeFileSync(file, runTar(['-C', place, '-c', '.']));
  rmSync(place, { recursive: true });
}

interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

function putBlob(place: string, content: string | Uint8Array, mediaType: string): Blob {
  const hex = createHash('sha256').update(content).digest('hex');
  writeFileSync(join(place, layout, hex), content);
  return { mediaType, digest: `sha256:${hex}`, size: readFileSync(join(place, layout, hex)).length };
}

function pathOf(digest: string): string {
  return `${layout}/${digest.slice('sha256:'.length)}`;
}

function writeJson(file: string, value: unknown): void {
  writeFileSync(file, JSON.stringify(value));
}

function runTar(words: readonly string[]): Buffer {
  const { status, stdout, stderr } = spawnSync('tar', words, { maxBuffer: 64 * 1024 * 1024 });
  if (status !== 0) throw new Error(`tar failed: ${stderr.toString()}`);
  return stdout;
}
