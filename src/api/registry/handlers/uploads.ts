import type { DigestAlgorithm } from '#oci';
import type { Call } from '../registry.ts';
import { refuse } from '../spec/errors.ts';
import { isRepositoryName, parseBlobDigest, type RepositoryName } from '../spec/names.ts';
import { formatUploadRange, parseChunkRange } from '../spec/ranges.ts';
import type { AppendOptions, Upload } from '../storage/types.ts';

/** POST: mounts a blob, takes a whole one, or begins an upload (distribution-spec "Pushing blobs"). */
export async function postUpload(call: Call, name: RepositoryName): Promise<void> {
  const { registry, exchange } = call;
  const { query } = exchange;
  const digestText = query.get('digest');
  const digest = digestText === null ? null : parseBlobDigest(digestText);
  if (digest === null && (await mount(call, name))) return;
  const upload = await registry.storage.beginUpload(name, digest === null ? wantedAlgorithm(query) : algorithmOf(digest));
  if (digest === null) return exchange.answer(202, progress(name, upload));
  try {
    await upload.append(exchange.body, lengthOf(exchange));
    await upload.commit(digest);
  } catch (error) {
    // Nobody has been told its id.
    await upload.cancel();
    throw error;
  }
  exchange.answer(201, { Location: `/v2/${name}/blobs/${digest}`, 'Docker-Content-Digest': digest });
}

/** A mount that cannot be becomes an upload like any other. Without `from`, any repository will do that the client may pull from. */
async function mount({ registry, exchange, mayPull }: Call, name: RepositoryName): Promise<boolean> {
  const wanted = exchange.query.get('mount');
  if (wanted === null) return false;
  const digest = parseBlobDigest(wanted);
  const from = exchange.query.get('from') ?? '';
  const sources = from === '' ? await registry.storage.findBlob(digest) : [from].filter(isRepositoryName);
  for (const source of sources) {
    if (!(await mayPull(source)) || !(await registry.storage.mountBlob(source, name, digest))) continue;
    exchange.answer(201, { Location: `/v2/${name}/blobs/${digest}`, 'Docker-Content-Digest': digest });
    return true;
  }
  return false;
}

function wantedAlgorithm(query: URLSearchParams): DigestAlgorithm {
  const asked = query.get('digest-algorithm') ?? 'sha256';
  if (asked === 'sha256' || asked === 'sha384' || asked === 'sha512') return asked;
  throw refuse('DIGEST_INVALID', 'the digest algorithm is not supported', { hint: 'use sha256, sha384 or sha512' });
}

function algorithmOf(digest: string): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(':')) as DigestAlgorithm;
}

/** GET: how much has arrived. */
export async function getUpload({ registry, exchange }: Call, name: RepositoryName, id: string): Promise<void> {
  exchange.answer(204, progress(name, await find(registry, name, id)));
}

/** PATCH: one more chunk. */
export async function patchUpload({ registry, exchange }: Call, name: RepositoryName, id: string): Promise<void> {
  const upload = await find(registry, name, id);
  const options = chunkOf(exchange, name, upload);
  await upload.append(exchange.body, options);
  exchange.answer(202, progress(name, upload));
}

/** PUT: the last chunk, or none, and the digest of it all. */
export async function putUpload({ registry, exchange }: Call, name: RepositoryName, id: string): Promise<void> {
  const upload = await find(registry, name, id);
  const text = exchange.query.get('digest');
  if (text === null) throw refuse('DIGEST_INVALID', 'the digest of the blob is missing', { hint: 'add ?digest=' });
  const digest = parseBlobDigest(text);
  await upload.append(exchange.body, chunkOf(exchange, name, upload));
  await upload.commit(digest);
  exchange.answer(201, { Location: `/v2/${name}/blobs/${digest}`, 'Docker-Content-Digest': digest });
}

/** DELETE: gives the upload up. */
export async function deleteUpload({ registry, exchange }: Call, name: RepositoryName, id: string): Promise<void> {
  await (await find(registry, name, id)).cancel();
  exchange.answer(204, { 'Docker-Upload-UUID': id });
}

async function find(registry: Call['registry'], name: RepositoryName, id: string): Promise<Upload> {
  const upload = await registry.storage.findUpload(name, id);
  if (upload !== null) return upload;
  throw refuse('BLOB_UPLOAD_UNKNOWN', `${name} has no such upload under way`);
}

/** What a Content-Range lets the chunk be. One that does not follow on what has arrived is answered 416, and where to go on from. */
function chunkOf(exchange: Call['exchange'], name: RepositoryName, upload: Upload): AppendOptions {
  const header = exchange.header('content-range');
  const { exactBytes } = lengthOf(exchange);
  if (header === undefined || (exactBytes === 0 && exchange.method === 'PUT')) return {};
  const range = parseChunkRange(header);
  const length = range === null ? 0 : range.end - range.start + 1;
  const follows = range !== null && range.start === upload.size && (exactBytes === undefined || exactBytes === length);
  if (follows) return { exactBytes: length };
  throw refuse('BLOB_UPLOAD_INVALID', `the chunk ${header.slice(0, 60)} does not follow on the ${upload.size} bytes that have arrived`, {
    status: 416,
    headers: progress(name, upload),
  });
}

function lengthOf(exchange: Call['exchange']): AppendOptions {
  return exchange.bodyBytes === null ? {} : { exactBytes: exchange.bodyBytes };
}

function progress(name: RepositoryName, upload: Upload): Readonly<Record<string, string>> {
  return {
    Location: `/v2/${name}/blobs/uploads/${upload.id}`,
    Range: formatUploadRange(upload.size),
    'Docker-Upload-UUID': upload.id,
  };
}
