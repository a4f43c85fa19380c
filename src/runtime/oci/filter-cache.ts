import { closeSync, constants, existsSync, mkdirSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { LinuxSeccomp } from '#oci';
import { type Addon, AT_EMPTY_PATH } from '#sys';
import { type CompiledSeccomp, compileSeccomp } from '../seccomp/index.ts';
import type { RuntimeLog } from './log.ts';
import { replaceFile } from '../state/record.ts';

/** No container's name: "~" is not allowed in one. */
const folder = '~filters';
const filesKept = 32;
const largestFile = 1024 * 1024;

export interface FilterCacheOptions {
  /** Where the records of containers are. */
  readonly root: string;
  /** Filters of another version of this program are not used. */
  readonly version: string;
  readonly log?: Pick<RuntimeLog, 'write'>;
  readonly addon: () => Addon;
}

/** SECCOMP_FILTER_FLAG_TSYNC: runc, which has but one thread to speak of here, counts it for nothing. */
const tsyncFlag = 1;

/**
 * `compileSeccomp`, remembered from one command to the next in `<root>/~filters`: engines give the same profile to each container, and compiling takes
 * longer than all else that a start does here. A file holds the whole profile that its filter was made of, and is used only for that one and when
 * nobody else could have written it. Failures of the cache cost time and nothing else. Fails as `compileSeccomp` does.
 */
export function cachedSeccomp(profile: LinuxSeccomp, options: FilterCacheOptions): CompiledSeccomp {
  const compiled = lookUp(profile, options);
  options.log?.write('debug', `seccomp filter flags: ${compiled.flags & ~tsyncFlag}`);
  return compiled;
}

function lookUp(profile: LinuxSeccomp, { root, version, addon }: FilterCacheOptions): CompiledSeccomp {
  const host = { arch: process.arch };
  const text = JSON.stringify([version, host.arch, profile], (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
  const path = join(root, folder, nameOf(text));
  const kept = readKept(addon(), path, text);
  if (kept !== null) return kept;
  const compiled = compileSeccomp(profile, host);
  // A listener's descriptor belongs to one container.
  if (compiled.listener === undefined) keep(root, path, text, compiled);
  return compiled;
}

/** Tells different profiles apart well enough; that two share a file is noticed by the text in it. */
function nameOf(text: string): string {
  let sum = 0;
  for (let at = 0; at < text.length; at += 61) sum = (Math.imul(sum, 31) + text.charCodeAt(at)) >>> 0;
  return `${text.length}-${sum.toString(16)}`;
}

interface KeptFilter {
  readonly text: string;
  readonly flags: number;
  /** Base64. */
  readonly filter: string;
}

function readKept(addon: Addon, path: string, text: string): CompiledSeccomp | null {
  try {
    const kept = JSON.parse(readOwn(addon, path)) as KeptFilter;
    return kept.text === text ? { filter: Buffer.from(kept.filter, 'base64'), flags: kept.flags } : null;
  } catch {
    return null;
  }
}

/** A file of ours alone: what is loaded from it becomes part of a container's walls. */
function readOwn(addon: Addon, path: string): string {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { uid, mode, size } = addon.fstatat(descriptor, '', AT_EMPTY_PATH);
    if (uid !== process.geteuid?.() || (mode & 0o77) !== 0 || size > largestFile) throw new Error('not ours');
    const bytes = Buffer.allocUnsafe(size);
    return bytes.toString('utf8', 0, readSync(descriptor, bytes, 0, size, 0));
  } finally {
    closeSync(descriptor);
  }
}

function keep(root: string, path: string, text: string, { filter, flags }: CompiledSeccomp): void {
  const directory = join(root, folder);
  const kept: KeptFilter = { text, flags, filter: Buffer.from(filter).toString('base64') };
  try {
    if (!existsSync(directory)) mkdirSync(directory, { mode: 0o700 });
    for (const name of readdirSync(directory).slice(filesKept - 1)) rmSync(join(directory, name), { force: true });
    replaceFile(path, JSON.stringify(kept), 0o600);
  } catch {
    // The next command compiles again.
  }
}
