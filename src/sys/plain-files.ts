import type * as Files from 'node:fs';
import type { Addon } from './addon.ts';
import * as k from './constants.ts';
import { openLibrary } from './load-addon.ts';

// What stands for node:fs in the executable of orlop-runtime (scripts/executable.ts): Bun compiles its own anew in each process, which takes as long as all that
// the runtime does with files. What succeeds is done by the addon. Whatever fails, or is asked for in another way than short commands do, is done by node:fs,
// again where it has failed: so results and errors are node:fs's own. plain-files.test.ts compares them.

type Calls = Pick<
  Addon,
  | 'plainOpen'
  | 'plainRead'
  | 'plainReadInto'
  | 'plainWrite'
  | 'plainExists'
  | 'plainMkdir'
  | 'plainRemove'
  | 'plainRename'
  | 'plainList'
  | 'close'
  | 'readlinkat'
>;

/** Found once: a thread has one instance of it. */
const library: { calls?: Calls | null } = {};

/** The addon that commands load, or null: who needs it will say that it is missing. */
function calls(): Calls | null {
  if (library.calls !== undefined) return library.calls;
  try {
    const beside = `${process.execPath.slice(0, process.execPath.lastIndexOf('/'))}/sys.node`;
    library.calls = openLibrary(process.env['ORLOP_ADDON'] || beside);
  } catch {
    library.calls = null;
  }
  return library.calls;
}

/** For tests, whose executable is Node. */
export function usePlainLibrary(file: string): void {
  library.calls = openLibrary(file);
}

function nodes(): typeof Files {
  return process.getBuiltinModule('node:fs');
}

/** The path when it is one that the addon takes as it is. */
function plain(path: unknown): path is string {
  return typeof path === 'string' && path !== '' && !path.includes('\0');
}

const noEntry = 2;

/** The failure that commands meet when all is well: they look for what is not there. */
function missing(call: string, path: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`ENOENT: no such file or directory, ${call} '${path}'`);
  return Object.assign(error, { errno: -noEntry, code: 'ENOENT', syscall: call, path });
}

export const constants = {
  O_RDONLY: k.O_RDONLY,
  O_WRONLY: k.O_WRONLY,
  O_DIRECTORY: k.O_DIRECTORY,
  O_NOFOLLOW: k.O_NOFOLLOW,
  O_NONBLOCK: k.O_NONBLOCK,
} satisfies Partial<typeof Files.constants>;

export function existsSync(path: Files.PathLike): boolean {
  const native = plain(path) ? calls() : null;
  return native === null ? nodes().existsSync(path) : native.plainExists(path as string) === 0;
}

export function openSync(path: Files.PathLike, flags: Files.OpenMode, mode: Files.Mode = 0o666): number {
  const bits = flags === 'r' ? k.O_RDONLY : flags === 'w' ? k.O_WRONLY | k.O_CREAT | k.O_TRUNC : flags;
  const native = plain(path) && typeof bits === 'number' && typeof mode === 'number' ? calls() : null;
  const opened = native?.plainOpen(path as string, bits as number, mode as number) ?? -1;
  if (opened >= 0) return opened;
  if (native !== null && opened === -noEntry) throw missing('open', path as string);
  return nodes().openSync(path, flags, mode);
}

export function closeSync(descriptor: number): void {
  try {
    const native = calls();
    if (native !== null) return native.close(descriptor);
  } catch {
    // Said again, in its words: there was nothing to close.
  }
  nodes().closeSync(descriptor);
}

export function readFileSync(path: Files.PathOrFileDescriptor, encoding?: 'utf8'): Buffer | string {
  const native = plain(path) && (encoding === undefined || encoding === 'utf8') ? calls() : null;
  const bytes = native?.plainRead(path as string);
  if (typeof bytes === 'object') return encoding === undefined ? bytes : bytes.toString('utf8');
  if (bytes === -noEntry) throw missing('open', path as string);
  return encoding === undefined ? nodes().readFileSync(path) : nodes().readFileSync(path, encoding);
}

export function readSync(
  descriptor: number,
  into: Uint8Array,
  offset = 0,
  length = into.byteLength - offset,
  position: number | null = null,
): number {
  const inside = offset >= 0 && length >= 0 && offset + length <= into.byteLength;
  const native = inside ? calls() : null;
  const part = length === into.byteLength ? into : into.subarray(offset, offset + length);
  const count = native?.plainReadInto(descriptor, part, position ?? -1) ?? -1;
  return count >= 0 ? count : nodes().readSync(descriptor, into, offset, length, position);
}

export function writeSync(descriptor: number, data: Uint8Array | string, offset = 0, length?: number): number {
  const part =
    typeof data === 'string' || (offset === 0 && length === undefined)
      ? data
      : data.subarray(offset, length === undefined ? undefined : offset + length);
  const count = calls()?.plainWrite(descriptor, part) ?? -1;
  if (count >= 0) return count;
  return typeof part === 'string' ? nodes().writeSync(descriptor, part) : nodes().writeSync(descriptor, part);
}

/** Of the options `mode` alone. */
export function writeFileSync(
  path: Files.PathOrFileDescriptor,
  data: string | Uint8Array,
  options: { readonly mode?: number; readonly flag?: string } = {},
): void {
  const native = plain(path) && options.flag === undefined ? calls() : null;
  const file = native?.plainOpen(path as string, k.O_WRONLY | k.O_CREAT | k.O_TRUNC, options.mode ?? 0o666) ?? -1;
  const isWritten = native !== null && file >= 0 && writeWhole(native, file, data);
  if (!isWritten) nodes().writeFileSync(path, data, options);
}

/** In one piece, as disks take it. */
function writeWhole(native: Calls, file: number, data: string | Uint8Array): boolean {
  try {
    return native.plainWrite(file, data) === (typeof data === 'string' ? Buffer.byteLength(data) : data.length);
  } finally {
    native.close(file);
  }
}

/** With `recursive` too only the last of the path's names is made here. */
export function mkdirSync(
  path: Files.PathLike,
  options: number | { readonly mode?: number; readonly recursive?: boolean } = {},
): string | undefined {
  const { mode = 0o777, recursive = false } = typeof options === 'number' ? { mode: options } : options;
  const native = plain(path) ? calls() : null;
  if (native === null || (recursive && native.plainExists(path as string) !== 0)) return nodes().mkdirSync(path, { mode, recursive });
  if (recursive && native.plainExists(`${String(path)}/.`) === 0) return undefined;
  return native.plainMkdir(path as string, mode) === 0 ? undefined : nodes().mkdirSync(path, { mode, recursive });
}

export function rmdirSync(path: Files.PathLike): void {
  const native = plain(path) ? calls() : null;
  if (native?.plainRemove(path as string, k.AT_REMOVEDIR) !== 0) nodes().rmdirSync(path);
}

export function unlinkSync(path: Files.PathLike): void {
  const native = plain(path) ? calls() : null;
  if (native?.plainRemove(path as string, 0) !== 0) nodes().unlinkSync(path);
}

export function rmSync(path: Files.PathLike, options?: Files.RmOptions): void {
  const native = plain(path) && options?.recursive !== true ? calls() : null;
  if (native?.plainRemove(path as string, 0) !== 0) nodes().rmSync(path, options);
}

export function renameSync(from: Files.PathLike, to: Files.PathLike): void {
  const native = plain(from) && plain(to) ? calls() : null;
  if (native?.plainRename(from as string, to as string) !== 0) nodes().renameSync(from, to);
}

export function readlinkSync(path: Files.PathLike): string {
  try {
    const native = plain(path) ? calls() : null;
    if (native !== null) return native.readlinkat(k.AT_FDCWD, path as string);
  } catch {
    // Said again, in its words.
  }
  return nodes().readlinkSync(path);
}

/** What the kernel calls the place. */
export function realpathSync(path: Files.PathLike): string {
  const native = plain(path) ? calls() : null;
  const place = native?.plainOpen(path as string, k.O_PATH, 0) ?? -1;
  if (native === null || place < 0) return nodes().realpathSync(path);
  try {
    return native.readlinkat(k.AT_FDCWD, `/proc/self/fd/${place}`);
  } finally {
    native.close(place);
  }
}

type Kind = 'isDirectory' | 'isFile' | 'isSymbolicLink' | 'isFIFO' | 'isSocket' | 'isCharacterDevice' | 'isBlockDevice';
type Entry = Readonly<Record<Kind, () => boolean>> & { readonly name: string; readonly parentPath: string };

export function readdirSync(path: Files.PathLike, options?: { readonly withFileTypes: true }): string[] | Entry[] | Files.Dirent[] {
  const native = plain(path) ? calls() : null;
  const names = native?.plainList(path as string);
  const isKnown = typeof names === 'object' && (options === undefined || !names.some((name) => name.startsWith('?')));
  if (!isKnown) return options === undefined ? nodes().readdirSync(path) : nodes().readdirSync(path, options);
  if (options === undefined) return names.map((name) => name.slice(1));
  return names.map((name) => entryOf(name, path as string));
}

function entryOf(name: string, parentPath: string): Entry {
  const letter = name[0];
  return {
    name: name.slice(1),
    parentPath,
    isDirectory: () => letter === 'd',
    isFile: () => letter === '-',
    isSymbolicLink: () => letter === 'l',
    isFIFO: () => letter === 'p',
    isSocket: () => letter === 's',
    isCharacterDevice: () => letter === 'c',
    isBlockDevice: () => letter === 'b',
  };
}

// What short commands seldom do.
export const appendFileSync: typeof Files.appendFileSync = (...given) => nodes().appendFileSync(...given);
export const chmodSync: typeof Files.chmodSync = (...given) => nodes().chmodSync(...given);
export const chownSync: typeof Files.chownSync = (...given) => nodes().chownSync(...given);
export const ftruncateSync: typeof Files.ftruncateSync = (...given) => nodes().ftruncateSync(...given);
export const truncateSync: typeof Files.truncateSync = (...given) => nodes().truncateSync(...given);
export const fstatSync = (descriptor: number): Files.Stats => nodes().fstatSync(descriptor);
export const statSync = (path: Files.PathLike): Files.Stats => nodes().statSync(path);
export const mkdtempSync = (prefix: string): string => nodes().mkdtempSync(prefix);
export const read: typeof Files.read = ((...given: Parameters<typeof Files.read>) => {
  nodes().read(...given);
}) as typeof Files.read;
export const write: typeof Files.write = ((...given: Parameters<typeof Files.write>) => {
  nodes().write(...given);
}) as typeof Files.write;
