import { type ByteText, fromByteText, readTarMembers } from '#store';
import { badLxd } from './metadata.ts';

/** The small files of an image for LXD: `metadata.yaml` and what is below `templates/`, by their paths. */
export type Documents = ReadonlyMap<string, string>;

const maxDocuments = 200;
const maxDocumentBytes = 1024 * 1024;

/** Whether a path is that of a small file that is kept in memory. */
export function isDocument(path: string): boolean {
  return path === 'metadata.yaml' || /^templates\/[^/]+$/.test(path);
}

/** Gathers documents that come in pieces. */
export function createDocuments(): { readonly documents: Documents; add(path: string, chunks: readonly Buffer[]): void } {
  const documents = new Map<string, string>();
  return {
    documents,
    add(path, chunks) {
      if (documents.size >= maxDocuments) throw badLxd(`it has more than ${maxDocuments} templates`);
      documents.set(path, Buffer.concat(chunks).toString());
    },
  };
}

/** Refused before more of it is kept than makes sense. */
export function checkDocumentSize(path: string, size: number): void {
  if (size > maxDocumentBytes) throw badLxd(`${path} is longer than ${maxDocumentBytes} bytes`);
}

/** The documents of a metadata tarball, whatever it is packed with; other files are passed over. */
export async function readDocuments(source: AsyncIterable<Uint8Array>): Promise<Documents> {
  const { documents, add } = createDocuments();
  for await (const { entry, content } of readTarMembers(source)) {
    const path = plainPath(entry.path);
    if (path.startsWith('rootfs/')) throw badLxd('its metadata tarball holds a root as well: give it alone');
    if (entry.type !== 'file' || !isDocument(path)) continue;
    checkDocumentSize(path, entry.size);
    const chunks: Buffer[] = [];
    for await (const chunk of content) chunks.push(Buffer.from(chunk));
    add(path, chunks);
  }
  return documents;
}

/** Without `./` and double slashes, as text. */
export function plainPath(path: ByteText): string {
  return withoutDots(fromByteText(path).toString());
}

export function withoutDots<T extends string>(path: T): T {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/') as T;
}
