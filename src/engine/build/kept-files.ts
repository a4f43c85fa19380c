import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import type { ListedFile } from '#build';
import type { ByteText } from '#store';
import { writeFileAtomic } from '#sys';

/** What is known of a directory that was a build context. */
export interface KeptFiles {
  /** For people. */
  readonly name: string;
  readonly createdMs: number;
  /** The file beside this one that has the contents. */
  readonly contents: string;
  /** Names of one file have the same object. */
  readonly files: ReadonlyMap<ByteText, { readonly stamp: string; readonly file: ListedFile }>;
}

interface Head extends Omit<KeptFiles, 'files'> {
  readonly version: number;
  readonly boot: string;
}

/** A file's facts, or the position of the one that it is another name of. */
type Row = readonly [path: string, stamp: string, facts: Facts | number];
type Facts = readonly [
  mode: number,
  mtimeNs: string,
  size: number,
  offset: number,
  digest: string,
  target: string,
  major: number,
  minor: number,
  xattrs: Readonly<Record<string, string>> | null,
];

const version = 1;
const longestHead = 64 * 1024;

/** One line with what it is, then everything. */
export async function writeKeptFiles(path: string, boot: string, { name, createdMs, contents, files }: KeptFiles): Promise<void> {
  const head: Head = { version, boot, name, createdMs, contents };
  const first = new Map<ListedFile, number>();
  const rows: Row[] = [];
  for (const [inner, { stamp, file }] of files) {
    const known = first.get(file);
    if (known === undefined) first.set(file, rows.length);
    rows.push([inner, stamp, known ?? factsOf(file)]);
  }
  await writeFileAtomic(path, `${JSON.stringify(head)}\n${JSON.stringify(rows)}`, { sync: false });
}

/** null: there is nothing that was written under this run of the kernel. */
export function readKeptFiles(path: string, boot: string): KeptFiles | null {
  try {
    const text = readFileSync(path, 'utf8');
    const end = text.indexOf('\n');
    const head = JSON.parse(text.slice(0, end)) as Head;
    if (head.version !== version || head.boot !== boot) return null;
    const files = new Map<ByteText, { readonly stamp: string; readonly file: ListedFile }>();
    const list: ListedFile[] = [];
    for (const [inner, stamp, facts] of JSON.parse(text.slice(end + 1)) as Row[]) {
      const file = typeof facts === 'number' ? list[facts] : fileOf(facts);
      if (file === undefined) return null;
      list.push(file);
      files.set(inner as ByteText, { stamp, file });
    }
    return { name: head.name, createdMs: head.createdMs, contents: head.contents, files };
  } catch {
    // Not there, or cut.
    return null;
  }
}

/** Without reading the rest. */
export function readKeptHead(path: string): Pick<KeptFiles, 'name' | 'createdMs'> | null {
  try {
    const file = openSync(path, 'r');
    try {
      const block = Buffer.alloc(longestHead);
      const text = block.toString('utf8', 0, readSync(file, block, 0, block.length, 0));
      return JSON.parse(text.slice(0, text.indexOf('\n'))) as Head;
    } finally {
      closeSync(file);
    }
  } catch {
    return null;
  }
}

function factsOf({ mode, mtimeNs, size, offset, digest, target, major, minor, xattrs }: ListedFile): Facts {
  const attributes = xattrs.size === 0 ? null : Object.fromEntries([...xattrs].map(([name, value]) => [name, value.toString('base64')]));
  return [mode, String(mtimeNs), size, offset, digest, target, major, minor, attributes];
}

function fileOf([mode, mtimeNs, size, offset, digest, target, major, minor, attributes]: Facts): ListedFile {
  const xattrs = new Map(Object.entries(attributes ?? {}).map(([name, value]) => [name, Buffer.from(value, 'base64')]));
  return { mode, mtimeNs: BigInt(mtimeNs), size, offset, digest, target: target as ByteText, major, minor, xattrs };
}
