import type { Digest } from '#oci';
import { refuse } from '../spec/errors.ts';
import type { RepositoryName } from '../spec/names.ts';
import { matchesTag, parseRange, type ByteRange } from '../spec/ranges.ts';
import type { Call } from '../registry.ts';

/** GET and HEAD of a blob, whole or a range of it (distribution-spec "Pulling blobs", RFC 9110). */
export async function sendBlob({ registry, exchange }: Call, name: RepositoryName, digest: Digest): Promise<void> {
  const size = (await registry.storage.blobSize(name, digest)) ?? null;
  if (size === null) return await sendFromMirror({ registry, exchange }, name, digest);
  const headers = headersOf(digest);
  if (matchesTag(exchange.header('if-none-match'), headers.ETag)) return exchange.answer(304, headers);
  const range = rangeOf(exchange, headers.ETag, size);
  if (range === 'unsatisfiable')
    throw refuse('SIZE_INVALID', `the blob has ${size} bytes`, { status: 416, headers: { 'Content-Range': `bytes */${size}` } });
  const sent = {
    ...headers,
    'Content-Length': range === null ? size : range.end - range.start + 1,
    ...(range === null ? {} : { 'Content-Range': `bytes ${range.start}-${range.end}/${size}` }),
  };
  if (exchange.method === 'HEAD') return exchange.answer(200, { ...headers, 'Content-Length': size });
  const status = range === null ? 200 : 206;
  if (size === 0) return exchange.answer(status, sent);
  await using content = await registry.storage.openBlob(name, digest, range ?? { start: 0, end: size - 1 });
  if (content === null) throw unknown(name, digest);
  await exchange.answerStream(status, sent, content.chunks);
}

function headersOf(digest: Digest) {
  return {
    'Content-Type': 'application/octet-stream',
    'Docker-Content-Digest': digest,
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'max-age=31536000',
    ETag: `"${digest}"`,
  };
}

/** If-Range with another tag means: the whole, please (RFC 9110 section 13.1.5). */
function rangeOf(exchange: Call['exchange'], tag: string, size: number): ByteRange | 'unsatisfiable' | null {
  const condition = exchange.header('if-range');
  if (exchange.method !== 'GET' || (condition !== undefined && condition !== tag)) return null;
  return parseRange(exchange.header('range'), size);
}

/** What is not here yet is passed on while it arrives; a range is served from the second time on. */
async function sendFromMirror(
  { registry, exchange }: Pick<Call, 'registry' | 'exchange'>,
  name: RepositoryName,
  digest: Digest,
): Promise<void> {
  const { mirror } = registry;
  const blob = mirror?.describeBlob(name, digest) ?? null;
  if (mirror === null || blob === null) throw unknown(name, digest);
  const headers = { ...headersOf(digest), 'Content-Length': blob.size };
  if (exchange.method === 'HEAD') return exchange.answer(200, headers);
  const source = await mirror.openBlob(name, blob, exchange.signal);
  if (source === null) throw unknown(name, digest);
  await exchange.answerStream(200, headers, source);
}

/** DELETE of a blob: this repository does not show it any more. */
export async function deleteBlob({ registry, exchange }: Call, name: RepositoryName, digest: Digest): Promise<void> {
  if (!(await registry.storage.removeBlob(name, digest))) throw unknown(name, digest);
  exchange.answer(202, { 'Docker-Content-Digest': digest });
}

function unknown(name: RepositoryName, digest: Digest): Error {
  return refuse('BLOB_UNKNOWN', `${name} has no blob ${digest}`, { detail: { digest } });
}
