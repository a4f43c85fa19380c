import { createHash } from 'node:crypto';
import { type ByteText, byteTextOf, fromByteText } from '#store';
import { type FileFacts, O_NOFOLLOW, O_PATH } from '#sys';
import { factsOf, type FileTree, namesIn, openForReading, openPath, plainly } from './tree.ts';
import { readChunks } from './unpack.ts';

/** What is known of a file before it is read. `id`: equal for the names of one file. */
export interface ReadFacts extends Pick<FileFacts, 'mode' | 'uid' | 'gid' | 'size' | 'mtimeNs' | 'nlink' | 'rdevMajor' | 'rdevMinor'> {
  readonly id: string;
}

/** A file of any kind in a tree that is only read. Disposing lets go of it. */
export interface ReadNode extends Disposable {
  readonly facts: ReadFacts;
  /** Of a directory, in bytewise order. */
  names(): ByteText[];
  /** Of a directory, by one of its names; a link is not followed. */
  child(name: ByteText): ReadNode;
  /** Where a symbolic link leads. */
  target(): ByteText;
  /** Extended attributes in order of their names. */
  attributes(): [name: string, value: Buffer][];
  /** Of a regular file. A chunk is the reader's to keep. */
  content(): AsyncIterable<Buffer>;
  /** SHA-256 of the content, hexadecimal. */
  digest(): Promise<string>;
}

/** A tree that is only read, on disk or not: a build context, the root of a stage. Paths are its own; links lead within it. */
export interface ReadTree {
  /** null when nothing is there. `follow` false: a final link itself. */
  find(path: ByteText, follow?: boolean): ReadNode | null;
}

/** A tree on disk. The descriptor stays the caller's. */
export function readTree(tree: FileTree): ReadTree {
  return {
    find(path, follow = true) {
      const handle = openPath(tree, path, follow);
      return handle === null ? null : nodeOf(tree, handle);
    },
  };
}

function nodeOf({ addon, root }: FileTree, handle: number): ReadNode {
  const found = factsOf(addon, handle);
  let directory: number | null = null;
  const open = (): number => (directory ??= openForReading(addon, handle));
  return {
    facts: { ...found, id: `${found.dev}:${found.ino}` },
    names: () => namesIn(open()),
    child: (name) => nodeOf({ addon, root }, addon.openat2(open(), fromByteText(name), O_PATH | O_NOFOLLOW, 0, plainly)),
    target: () => byteTextOf(addon.readlinkatBytes(handle, '')),
    attributes: () =>
      addon
        .listxattr(handle)
        .toSorted()
        .flatMap((name): [string, Buffer][] => {
          const value = addon.getxattr(handle, name);
          return value === null ? [] : [[name, value]];
        }),
    async *content() {
      const file = openForReading(addon, handle);
      try {
        yield* readChunks(file);
      } finally {
        addon.close(file);
      }
    },
    async digest() {
      const hash = createHash('sha256');
      for await (const chunk of this.content()) hash.update(chunk);
      return hash.digest('hex');
    },
    [Symbol.dispose]() {
      if (directory !== null) addon.close(directory);
      addon.close(handle);
    },
  };
}

/** The whole of a small file; null: it is not there, is no file, or is longer. */
export async function readSmall(tree: ReadTree, path: ByteText, mostBytes: number): Promise<Buffer | null> {
  using node = tree.find(path);
  if (node === null || (node.facts.mode & 0o170_000) !== 0o100_000 || node.facts.size > mostBytes) return null;
  const chunks: Buffer[] = [];
  for await (const chunk of node.content()) chunks.push(chunk);
  return Buffer.concat(chunks);
}
