import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { OrlopError } from '#errors';
import { createLeases } from '../leases.ts';
import { createLocks } from '../locks.ts';
import type { Storage } from '../types.ts';
import { createBlobStorage } from './blobs.ts';
import { check } from './check.ts';
import { collect } from './collect.ts';
import { listNames, orNull, writeFileWhole } from './files.ts';
import { createLayout, formatLine, type Layout } from './layout.ts';
import { createManifestStorage } from './manifests.ts';
import { findRepositories } from './repositories.ts';
import { createUploadStorage } from './uploads.ts';

export interface DirectoryStorageOptions {
  /** Made when it is missing. One process at a time owns it; the caller sees to that. */
  readonly root: string;
  readonly now?: () => number;
}

/** Storage in a directory of its own (`layout.ts`). Fails with failed-precondition `REGISTRY_ROOT_FOREIGN` for a directory with something else in it. */
export async function openDirectoryStorage({ root, now = Date.now }: DirectoryStorageOptions): Promise<Storage> {
  const layout = createLayout(root);
  await prepareRoot(layout);
  const [leases, locks] = [createLeases(now), createLocks()];
  const uploads = createUploadStorage(layout, leases);
  const parts = { layout, leases, locks, now, isBusy: uploads.isBusy };
  return {
    ...createBlobStorage(layout, leases),
    beginUpload: uploads.beginUpload,
    findUpload: uploads.findUpload,
    ...createManifestStorage(layout, leases, locks, now),
    listRepositories: () => findRepositories(layout, '_manifests'),
    // One collection at a time: a second finds nothing left to do.
    collect: (options) => locks.run('/collect', () => collect(parts, options)),
    check: (signal) => check(layout, signal),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function prepareRoot(layout: Layout): Promise<void> {
  await mkdir(layout.root, { recursive: true, mode: 0o750 });
  const format = await orNull(readFile(layout.formatFile, 'utf8'));
  if (format === null) {
    const foreign = (await listNames(layout.root)).filter((name) => !['staging', 'control.sock', 'lost+found'].includes(name));
    if (foreign.length > 0) throw foreignRoot(`${layout.root} has other files in it, ${foreign[0]} for one`);
  } else if (format !== formatLine) throw foreignRoot(`${layout.root} has the format ${JSON.stringify(format.slice(0, 40))}`);
  // What was being written when the last owner died has no name yet.
  await rm(layout.staging, { recursive: true, force: true });
  for (const folder of [layout.staging, layout.uploads, layout.blobs, layout.repositories])
    await mkdir(folder, { recursive: true, mode: 0o750 });
  if (format === null) await writeFileWhole(layout.staging, join(layout.formatFile), formatLine);
}

function foreignRoot(message: string): OrlopError {
  return new OrlopError('failed-precondition', 'REGISTRY_ROOT_FOREIGN', message, { hint: 'give the registry a directory of its own' });
}
