import { createTarEntry, endOfArchive, formatTarEntry, fromByteText, padding, readTarMembers, type TarEntry, toByteText } from '#store';
import type { OfferedContext, SentFile } from '#wire';

/** Files as a tar, or one by one. */
export type FileSource = AsyncIterable<Uint8Array> | { readonly files: AsyncIterable<SentFile> };

/** What a context comes as: all of it, or a list of which some is asked for. */
export type ContextSource = FileSource | OfferedContext<FileSource>;

/** A tar, which is what is checked and unpacked, however it came. */
export function tarOf(source: FileSource): AsyncIterable<Uint8Array> {
  return 'files' in source ? packFiles(source.files) : source;
}

async function* packFiles(files: AsyncIterable<SentFile>): AsyncGenerator<Uint8Array> {
  for await (const { path, type, mode, mtimeNs, target, major, minor, xattrs, sizeBytes, content } of files) {
    yield formatTarEntry(
      createTarEntry({
        path: toByteText(path),
        type,
        mode,
        mtimeNs,
        size: sizeBytes,
        linkTarget: toByteText(target),
        major,
        minor,
        xattrs: new Map(Object.entries(xattrs).map(([name, value]) => [name, Buffer.from(value)])),
      }),
    );
    yield* content;
    yield padding(sizeBytes);
  }
  yield endOfArchive();
}

/** The files of an archive of ours, each to be read before the next is asked for. */
export async function* filesOf(archive: AsyncIterable<Uint8Array>): AsyncGenerator<SentFile> {
  for await (const { entry, content } of readTarMembers(archive)) yield { ...sentEntry(entry), content };
}

function sentEntry({ path, type, mode, mtimeNs, linkTarget, major, minor, xattrs, size }: TarEntry): Omit<SentFile, 'content'> {
  return {
    path: textOf(path).replace(/\/$/, ''),
    type,
    mode,
    mtimeNs,
    target: textOf(linkTarget),
    major,
    minor,
    xattrs: Object.fromEntries(xattrs),
    sizeBytes: size,
  };
}

function textOf(bytes: TarEntry['path']): string {
  return fromByteText(bytes).toString('utf8');
}
