import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import { maxSpecBytes, parseJson, parseSpec, parseSpecText, type Spec, type SpecMount } from '#oci';
import { type Addon, AT_FDCWD, type FileFacts, S_IFDIR, S_IFMT, S_IFREG } from '#sys';
import { isBind } from '../plan/mounts.ts';
import { isWithin, placeOf } from '../plan/places.ts';
import { toJsonText } from '../state/json-text.ts';
import { readProcessLimit } from './spec-version.ts';

/** A bundle's config.json with all host paths absolute, and its text as it lies on disk. */
export interface Bundle {
  readonly directory: string;
  readonly rootfs: string;
  readonly spec: Spec;
  readonly text: Uint8Array;
}

/**
 * runtime-spec bundle, whose specification may have another name, or lie elsewhere. `not-found` when the directory, its config.json or the root file system is missing.
 */
export function openBundle(addon: Addon, path: string, config = 'config.json'): Bundle {
  const directory = resolve(path === '' ? '.' : path);
  const { text, spec } = parseConfig(readConfig(addon, directory, config));
  if (spec.root === undefined) throw new OrlopError('invalid-argument', 'RUNTIME_SPEC_INVALID', 'root must be specified');
  const rootfs = findRoot(isAbsolute(spec.root.path) ? spec.root.path : join(directory, spec.root.path));
  const mounts = (spec.mounts ?? []).map((mount) => anchor(withinRoot(mount, rootfs), directory));
  const { resources } = spec.linux ?? {};
  const linux = resources === undefined ? {} : { linux: { ...spec.linux, resources: readProcessLimit(resources, spec.ociVersion) } };
  return { directory, rootfs, text, spec: { ...spec, mounts, ...linux } };
}

/** A spec that names no version is taken for one of the first, as runc does. */
function parseConfig(text: Buffer): Pick<Bundle, 'spec' | 'text'> {
  const json = parseJson(toJsonText(text), { name: 'config.json', maxBytes: maxSpecBytes });
  if (typeof json !== 'object' || json === null || Array.isArray(json) || ('ociVersion' in json && json.ociVersion !== ''))
    return { text, spec: parseSpec(json) };
  // The last of two equal names counts; the text is not written anew, because that could be deeper than we may call ourselves.
  const open = text.toString().trimEnd().slice(0, -1);
  const whole = Buffer.from(`${open}${Object.keys(json).length === 0 ? '' : ','}"ociVersion":"1.0.0"}`);
  return { text: whole, spec: parseSpecText(whole) };
}

/** Nothing but a file has an end that is sure to come: a pipe would keep us waiting, a device might never stop. */
function readWhole(addon: Addon, file: string): Buffer {
  const facts = addon.fstatat(AT_FDCWD, file, 0);
  if (!isOf(S_IFREG, facts)) throw new OrlopError('invalid-argument', 'RUNTIME_SPEC_INVALID', `${file} is not a regular file`);
  if (facts.size > maxSpecBytes)
    throw new OrlopError(
      'invalid-argument',
      'RUNTIME_SPEC_INVALID',
      `${file}: ${facts.size} bytes are more than the ${maxSpecBytes} allowed`,
    );
  return readFileSync(file);
}

function isOf(kind: number, { mode }: FileFacts): boolean {
  return (mode & S_IFMT) === kind;
}

function readConfig(addon: Addon, directory: string, config: string): Buffer {
  try {
    if (!isOf(S_IFDIR, addon.fstatat(AT_FDCWD, directory, 0))) throw missingDirectory(directory, 'not a directory');
    return readWhole(addon, resolve(directory, config));
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    if (!existsSync(directory)) throw missingDirectory(directory, 'no such file or directory');
    throw new OrlopError('not-found', 'RUNTIME_FILE_MISSING', `JSON specification file ${config} not found`, {
      hint: `${directory} is no bundle: make one with orlop-runtime spec`,
      cause: error,
    });
  }
}

function missingDirectory(directory: string, why: string): OrlopError {
  return new OrlopError('not-found', 'RUNTIME_BUNDLE_MISSING', `chdir ${directory}: ${why}`, { hint: 'name the bundle with --bundle' });
}

/** Sources of bind mounts are relative to the bundle. */
function anchor(mount: SpecMount, directory: string): SpecMount {
  if (!isBind(mount) || mount.source === undefined || isAbsolute(mount.source)) return mount;
  return { ...mount, source: join(directory, mount.source) };
}

/** A destination that begins with the root's own path on the host is meant inside it, as with runc. */
function withinRoot(mount: SpecMount, rootfs: string): SpecMount {
  if (rootfs === '/' || !isWithin(placeOf(mount), rootfs)) return mount;
  return { ...mount, destination: placeOf({ destination: placeOf(mount).slice(rootfs.length) }) };
}

function findRoot(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new OrlopError('not-found', 'RUNTIME_ROOT_MISSING', `root file system ${path} does not exist`, {
      hint: 'correct root.path in config.json',
      details: { path },
      cause: error,
    });
  }
}
