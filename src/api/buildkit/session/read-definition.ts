import { posix } from 'node:path';
import { OrlopError } from '#errors';
import { receiveFiles } from './receive-files.ts';
import type { ClientSession } from './sessions.ts';

const longestFile = 16 * 1024 * 1024;
const mostLinks = 16;

/** Small text files of a directory of the client's, by the names that were asked for; links are followed as far as they stay in it. What is not there is missing. */
export async function readTextFiles(
  session: ClientSession,
  directory: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const contents = new Map<string, string>();
  const links = new Map<string, string>();
  for await (const file of receiveFiles(session, { directory, follow: names }, signal)) {
    if (file.type === 'symlink') links.set(file.path, posix.join('/', posix.dirname(file.path), file.target).slice(1));
    if (file.type === 'symlink' && posix.isAbsolute(file.target)) links.set(file.path, file.target.slice(1));
    // A hard link's content is that of the file that it names.
    if (file.type === 'link') links.set(file.path, file.target);
    if (file.type === 'file') contents.set(file.path, await textOf(file.path, file.content));
  }
  const found = new Map<string, string>();
  for (const name of names) {
    let path = posix.normalize(name);
    for (let hops = 0; links.has(path) && hops < mostLinks; hops++) path = links.get(path) ?? path;
    const text = contents.get(path);
    if (text !== undefined) found.set(name, text);
  }
  return found;
}

async function textOf(path: string, content: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of content) {
    length += part.length;
    if (length > longestFile)
      throw new OrlopError('invalid-argument', 'BUILDKIT_FILE_TOO_LONG', `${path} is longer than ${longestFile} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
