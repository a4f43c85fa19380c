import { OrlopError } from '#errors';
import type { Exchange, Route } from '#api/http';
import type { LxdImageResult, LxdImport, Progress } from '#wire';
import { streamProgress } from './progress-stream.ts';

/** What the routes of images for LXD and Incus need of the engine. */
export interface LxdBackend {
  readonly lxd: {
    import(request: LxdImport): Promise<LxdImageResult>;
    fetch(source: string, options: { progress: (step: Progress) => void; signal: AbortSignal }): Promise<LxdImageResult>;
  };
}

/** `/orlop/v1/lxd/import`, `/orlop/v1/lxd/fetch` */
export function orlopLxdRoutes({ lxd }: LxdBackend): Route[] {
  return [
    { method: 'POST', path: '/orlop/v1/lxd/import', handle: (exchange) => importImage(lxd, exchange) },
    { method: 'POST', path: '/orlop/v1/lxd/fetch', handle: (exchange) => fetchImage(lxd, exchange) },
  ];
}

/** More than any metadata tarball has. */
const maxMetadataBytes = 64 * 1024 * 1024;

/** The body is a unified tarball; with `metadataBytes`, so many bytes of a metadata tarball and then its root. */
async function importImage(lxd: LxdBackend['lxd'], exchange: Exchange): Promise<void> {
  const { query, signal, body } = exchange;
  const name = query.text('name');
  const size = query.integer('metadataBytes');
  if (size !== undefined && (size <= 0 || size > maxMetadataBytes)) {
    throw new OrlopError('invalid-argument', 'ORLOP_BAD_FIELD', `metadataBytes must be a number from 1 to ${maxMetadataBytes}`);
  }
  await streamProgress<LxdImageResult>(exchange, async (progress) => {
    const parts = size === undefined ? { metadata: body } : await splitBody(body, size);
    return lxd.import({ ...parts, ...(name === '' ? {} : { name }), progress, signal });
  });
}

async function fetchImage(lxd: LxdBackend['lxd'], exchange: Exchange): Promise<void> {
  const source = (await exchange.readObject()).text('source');
  await streamProgress<LxdImageResult>(exchange, (progress) => lxd.fetch(source, { progress, signal: exchange.signal }));
}

/** The first `size` bytes, kept in memory, and the rest as it comes. */
async function splitBody(body: AsyncIterable<Uint8Array>, size: number): Promise<Pick<Required<LxdImport>, 'metadata' | 'root'>> {
  const chunks = body[Symbol.asyncIterator]();
  const head: Uint8Array[] = [];
  let length = 0;
  while (length < size) {
    const { value, done } = await chunks.next();
    if (done === true)
      throw new OrlopError('invalid-argument', 'ORLOP_BAD_BODY', `the body ends after ${length} of ${size} bytes of metadata`);
    head.push(value);
    length += value.length;
  }
  const all = Buffer.concat(head);
  const root = async function* (): AsyncGenerator<Uint8Array> {
    yield all.subarray(size);
    yield* { [Symbol.asyncIterator]: () => chunks };
  };
  const metadata = async function* (): AsyncGenerator<Uint8Array> {
    yield all.subarray(0, size);
  };
  return { metadata: metadata(), root: root() };
}
