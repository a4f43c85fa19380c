import { isOrlopError, OrlopError } from '#errors';
import { type Digest, digestHex, familiarReference, formatReference, parseReference, type Reference, withDefaultTag } from '#oci';
import type { ImageRow } from '#store';
import { templateOfImage } from './templates/recipes.ts';

/** The parts of an image that a reference can point at. */
export interface Findable {
  readonly id: Digest;
  readonly target: Digest;
  readonly manifest: Digest;
}

/** How a reference named the image: by one of its names, or by its content. */
export interface Found<T> {
  readonly image: T;
  readonly name: string | null;
}

/**
 * Docker's order: a name first, then an id or a prefix of one. `imageOf` reads a target; it is only called for what may match. Fails with not-found
 * `IMAGE_NOT_FOUND`, invalid-argument `IMAGE_AMBIGUOUS` or `OCI_BAD_REFERENCE`.
 */
export function findImage<T extends Findable>(text: string, rows: readonly ImageRow[], imageOf: (target: Digest) => T): Found<T> {
  const reference = readReference(text);
  const name = reference instanceof OrlopError ? null : formatReference(withDefaultTag(reference));
  const row = rows.find((candidate) => candidate.name === name);
  if (row !== undefined) return { image: imageOf(row.manifest), name: row.name };
  const byId = findById(text, rows, imageOf) ?? (reference instanceof OrlopError ? null : findByDigest(reference, rows, imageOf));
  if (byId !== null) return { image: byId, name: null };
  throw reference instanceof OrlopError && !isHex(text) ? reference : notFound(text, reference);
}

function readReference(text: string): Reference | OrlopError {
  try {
    return parseReference(text);
  } catch (error) {
    if (isOrlopError(error, 'invalid-argument')) return error;
    throw error;
  }
}

const isHex = (text: string): boolean => /^(?:sha256:)?[0-9a-f]{1,64}$/.test(text);

function findById<T extends Findable>(text: string, rows: readonly ImageRow[], imageOf: (target: Digest) => T): T | null {
  if (!isHex(text)) return null;
  const prefix = text.replace(/^sha256:/, '');
  const found = new Map<Digest, T>();
  for (const target of new Set(rows.map(({ manifest }) => manifest))) {
    const image = tryRead(target, imageOf);
    if (image === null) continue;
    if ([image.id, image.target, image.manifest].some((digest) => digestHex(digest).startsWith(prefix))) found.set(image.id, image);
  }
  if (found.size <= 1) return found.values().next().value ?? null;
  throw new OrlopError('invalid-argument', 'IMAGE_AMBIGUOUS', `image id "${text}" fits ${found.size} images`, {
    hint: 'give more of its digits',
  });
}

/** `name@sha256:…`: one of the images of that repository. */
function findByDigest<T extends Findable>(reference: Reference, rows: readonly ImageRow[], imageOf: (target: Digest) => T): T | null {
  if (reference.digest === undefined) return null;
  const repository = `${reference.domain}/${reference.path}`;
  for (const row of rows) {
    const { domain, path } = parseReference(row.name);
    if (`${domain}/${path}` !== repository) continue;
    const image = tryRead(row.manifest, imageOf);
    if (image !== null && [image.target, image.manifest].includes(reference.digest)) return image;
  }
  return null;
}

/** A damaged image is no reason not to find another one. */
function tryRead<T>(target: Digest, imageOf: (target: Digest) => T): T | null {
  try {
    return imageOf(target);
  } catch (error) {
    if (isOrlopError(error)) return null;
    throw error;
  }
}

function notFound(text: string, reference: Reference | OrlopError): OrlopError {
  const shown = reference instanceof OrlopError ? text : familiarReference(withDefaultTag(reference));
  const template = templateOfImage(shown) ?? templateOfImage(text);
  const hint =
    template === null
      ? 'see what there is with: orlop images, or make one with: orlop template build'
      : `make it with: orlop template build ${template}`;
  // Docker's words: clients pull what is missed so.
  return new OrlopError('not-found', 'IMAGE_NOT_FOUND', `No such image: ${shown}`, { hint });
}
