import { readFileSync, realpathSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import { parseSpecText, type Spec, type SpecMount } from '#oci';
import { isBind } from '../plan/mounts.ts';

/** A bundle's config.json with all host paths absolute, and its text as it lies on disk. */
export interface Bundle {
  readonly directory: string;
  readonly rootfs: string;
  readonly spec: Spec;
  readonly text: Uint8Array;
}

/** runtime-spec bundle. `not-found` when the directory, its config.json or the root file system is missing. */
export function openBundle(path: string): Bundle {
  const directory = resolve(path);
  const file = join(directory, 'config.json');
  const text = readOrExplain(file, 'a bundle needs a config.json: make one with orlop-runtime spec');
  const spec = parseSpecText(text);
  if (spec.root === undefined) throw new OrlopError('invalid-argument', 'RUNTIME_SPEC_INVALID', `${file}: root is missing`);
  const rootfs = findRoot(isAbsolute(spec.root.path) ? spec.root.path : join(directory, spec.root.path));
  return { directory, rootfs, text, spec: { ...spec, mounts: (spec.mounts ?? []).map((mount) => anchor(mount, directory)) } };
}

/** Sources of bind mounts are relative to the bundle. */
function anchor(mount: SpecMount, directory: string): SpecMount {
  if (!isBind(mount) || mount.source === undefined || isAbsolute(mount.source)) return mount;
  return { ...mount, source: join(directory, mount.source) };
}

function findRoot(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new OrlopError('not-found', 'RUNTIME_ROOT_MISSING', `root file system ${path} does not exist`, {
      hint: 'correct root.path in config.json',
      cause: error,
    });
  }
}

export function readOrExplain(file: string, hint: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new OrlopError('not-found', 'RUNTIME_FILE_MISSING', `${file} does not exist`, { hint, cause: error });
  }
}
