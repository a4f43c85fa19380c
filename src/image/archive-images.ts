import { isOrlopError } from '#errors';
import { type Digest, isIndexType, isManifestType, parseIndex, parseJson, parseReference } from '#oci';
import { badArchive, type ArchiveFiles } from './archive-files.ts';

/** One image of an archive. */
export type ArchivedImage = {
  /** As the archive says them: checked, but not complete. */
  readonly names: readonly string[];
} & (
  | /** Of an OCI layout: a manifest or an index. */ { readonly target: Digest }
  | /** Of Docker's archives: its config and its layers, base first, as paths in the archive. */ {
      readonly config: { readonly path: string } | { readonly text: string };
      readonly layers: readonly string[];
    }
);

/** What images an archive holds. Pure but for the blobs that `files` looks up. Fails with invalid-argument `IMAGE_BAD_ARCHIVE`. */
export function imagesOfArchive(files: ArchiveFiles): ArchivedImage[] {
  const { texts } = files;
  const manifest = texts.get('manifest.json');
  const index = texts.get('index.json');
  const repositories = texts.get('repositories');
  if (index !== undefined) return imagesOfLayout(index, manifest, files);
  if (manifest !== undefined) return imagesOfManifest(manifest);
  if (repositories !== undefined) return imagesOfRepositories(repositories, texts);
  throw badArchive('it has neither manifest.json nor index.json', 'a root file system comes in with: orlop import');
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** manifest.json, since Docker 1.10: `[{Config, RepoTags, Layers}]`. */
function imagesOfManifest(text: Buffer): (ArchivedImage & { config: { path: string } })[] {
  const items = parseJson(text, { name: 'manifest.json', maxBytes: text.length + 1 });
  if (!Array.isArray(items)) throw badArchive('manifest.json is no list');
  return items.map((item: unknown) => {
    const { Config: config, RepoTags: tags = null, Layers: layers = null } = isObject(item) ? item : {};
    if (typeof config !== 'string' || !isTextsOrNull(tags) || !isTextsOrNull(layers)) throw badArchive('manifest.json names no config');
    return { names: (tags ?? []).map(checkName), config: { path: config }, layers: layers ?? [] };
  });
}

function isTextsOrNull(value: unknown): value is string[] | null {
  return value === null || (Array.isArray(value) && value.every((item) => typeof item === 'string'));
}

/** OCI's image layout. Names stand in annotations; those of manifest.json count too, for the image of that config. */
function imagesOfLayout(text: Buffer, manifest: Buffer | undefined, files: ArchiveFiles): ArchivedImage[] {
  const { manifests } = parseIndex(text);
  const names = new Map<Digest, string[]>();
  for (const { digest, mediaType, annotations } of manifests) {
    // Attestations and other artefacts are nothing to run.
    if (!isManifestType(mediaType) && !isIndexType(mediaType)) continue;
    names.set(digest, [...(names.get(digest) ?? []), ...nameOfAnnotations(annotations ?? {})]);
  }
  if (names.size === 0) throw badArchive('index.json names no image');
  // One image only: then there is no doubt what manifest.json speaks of. Of several, annotations tell.
  const [only] = names.keys();
  const described = manifest === undefined || names.size > 1 || only === undefined ? [] : imagesOfManifest(manifest);
  if (only !== undefined) for (const item of described) names.get(only)?.push(...item.names);
  const missing = [...names.keys()].find((digest) => files.blob(`blobs/${digest.replace(':', '/')}`) === undefined);
  if (missing !== undefined) throw badArchive(`index.json names ${missing}, which is not in it`);
  return [...names].map(([target, known]) => ({ target, names: [...new Set(known)] }));
}

/** A bare tag names no repository, so it is no name. */
function nameOfAnnotations(annotations: Readonly<Record<string, string>>): string[] {
  const whole = annotations['io.containerd.image.name'];
  if (whole !== undefined) return [checkName(whole)];
  const name = annotations['org.opencontainers.image.ref.name'];
  return name === undefined || !/[:/]/.test(name) ? [] : [checkName(name)];
}

/** Before Docker 1.10: `{"busybox": {"latest": "<id>"}}`, and for each id a directory with json and layer.tar. */
function imagesOfRepositories(text: Buffer, texts: ArchiveFiles['texts']): ArchivedImage[] {
  const repositories = parseJson(text, { name: 'repositories', maxBytes: text.length + 1 });
  if (!isObject(repositories)) throw badArchive('repositories is no object');
  const names = new Map<string, string[]>();
  for (const [repository, tags] of Object.entries(repositories)) {
    for (const [tag, id] of Object.entries(isObject(tags) ? tags : {})) {
      if (typeof id !== 'string') throw badArchive('repositories names no image');
      names.set(id, [...(names.get(id) ?? []), checkName(`${repository}:${tag}`)]);
    }
  }
  return [...names].map(([id, known]) => ({ names: known, ...oldImage(id, texts) }));
}

/** The chain of images that each old image was. Its config is put together when the layers are known: see `load.ts`. */
function oldImage(id: string, texts: ArchiveFiles['texts']): { config: { text: string }; layers: string[] } {
  const chain: Record<string, unknown>[] = [];
  const ids: string[] = [];
  for (let next: unknown = id; typeof next === 'string' && next !== ''; ) {
    const text = texts.get(`${next}/json`);
    if (text === undefined) throw badArchive(`the image ${next.slice(0, 80)} is not in it`);
    if (ids.length >= 200 || ids.includes(next)) throw badArchive("images are each other's parents");
    const json = parseJson(text, { name: `${next}/json`, maxBytes: text.length + 1 });
    if (!isObject(json)) throw badArchive(`${next}/json is no object`);
    ids.unshift(next);
    chain.unshift(json);
    next = json['parent'];
  }
  const top = chain.at(-1) ?? {};
  const history = chain.map((step) => {
    const made = isObject(step['container_config']) ? step['container_config']['Cmd'] : undefined;
    const command = Array.isArray(made) ? made.join(' ') : undefined;
    return { created: step['created'], author: step['author'], comment: step['comment'], created_by: command };
  });
  const { created, author, architecture = 'amd64', os = 'linux', config } = top;
  return {
    config: { text: JSON.stringify({ created, author, architecture, os, config, history }) },
    layers: ids.map((one) => `${one}/layer.tar`),
  };
}

function checkName(name: string): string {
  try {
    parseReference(name);
    return name;
  } catch (error) {
    if (!isOrlopError(error)) throw error;
    throw badArchive(`"${name.slice(0, 200)}" is no name of an image`);
  }
}
