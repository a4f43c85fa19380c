import type { Client, PathStat } from '#client';
import { OrlopError } from '#errors';
import { signalOf } from './abort.ts';
import { packFile, unpackFile } from './tar.ts';

/** What of a file that is written can be chosen. */
export interface WriteOptions {
  /** Permission bits; 0o644 without. */
  readonly mode?: number;
  /** As the container sees it; 0 without. */
  readonly uid?: number;
  readonly gid?: number;
  /** How long content is that comes piece by piece; without it, that is collected in memory first. */
  readonly sizeBytes?: number;
  readonly signal?: AbortSignal;
}

/** Files of a container, running or not. Paths are the container's; links in it lead nowhere else. */
export interface Files {
  stat(path: string): Promise<PathStat>;
  /** A regular file's content, as it comes. */
  read(path: string, options?: { signal?: AbortSignal }): AsyncGenerator<Uint8Array>;
  /** The same at once, as UTF-8. */
  readText(path: string, options?: { signal?: AbortSignal }): Promise<string>;
  /** A regular file; its directory must exist, one that was there before is replaced. */
  write(path: string, content: string | Uint8Array | AsyncIterable<Uint8Array>, options?: WriteOptions): Promise<void>;
  /** What is there with all below it, as a tar. */
  pack(path: string, options?: { signal?: AbortSignal }): AsyncGenerator<Uint8Array>;
  /** Unpacks a tar into a directory that exists. */
  unpack(path: string, tar: AsyncIterable<Uint8Array>, options?: { signal?: AbortSignal }): Promise<void>;
}

export function createFiles(client: Client, container: string): Files {
  const { files } = client;
  const read: Files['read'] = (path, { signal } = {}) => unpackFile(files.read(container, path, signalOf(signal)), path);
  return {
    stat: (path) => files.stat(container, path),
    read,
    async readText(path, options) {
      const decoder = new TextDecoder();
      let text = '';
      for await (const piece of read(path, options)) text += decoder.decode(piece, { stream: true });
      return text + decoder.decode();
    },
    async write(path, content, { mode = 0o644, uid = 0, gid = 0, sizeBytes, signal } = {}) {
      const { directory, name } = split(path);
      const whole = typeof content === 'string' ? new TextEncoder().encode(content) : content;
      const sized = whole instanceof Uint8Array || sizeBytes !== undefined ? whole : await gather(whole);
      const size = sized instanceof Uint8Array ? sized.length : (sizeBytes ?? 0);
      const pieces = sized instanceof Uint8Array ? once(sized) : sized;
      await files.write(container, directory, packFile({ name, sizeBytes: size, mode, uid, gid }, pieces), signalOf(signal));
    },
    pack: (path, { signal } = {}) => files.read(container, path, signalOf(signal)),
    unpack: (path, tar, { signal } = {}) => files.write(container, path, tar, signalOf(signal)),
  };
}

function split(path: string): { directory: string; name: string } {
  const at = path.lastIndexOf('/');
  const name = path.slice(at + 1);
  if (at < 0 || name === '' || name === '.' || name === '..') {
    throw new OrlopError('invalid-argument', 'LIBRARY_BAD_PATH', `${JSON.stringify(path)} is not the absolute path of a file`);
  }
  return { directory: path.slice(0, at) || '/', name };
}

async function gather(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}
