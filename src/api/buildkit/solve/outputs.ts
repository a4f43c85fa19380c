import { OrlopError } from '#errors';
import type { BuildOutput } from '#wire';
import { refused } from './attributes.ts';

/** One `--output`. */
export interface Exporter {
  readonly type: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface OutputPlan {
  readonly output: BuildOutput;
  readonly names: readonly string[];
}

/** How the kinds of outputs are called here; `moby` is what clients of an engine say for its own images. */
const kinds: Readonly<Record<string, BuildOutput>> = {
  moby: 'image',
  image: 'image',
  docker: 'docker',
  oci: 'oci',
  tar: 'tar',
  local: 'files',
};
/** Attributes with a value that asks for nothing. */
const usual: Readonly<Record<string, ReadonlySet<string>>> = {
  push: new Set(['', 'false']),
  'push-by-digest': new Set(['', 'false']),
  unpack: new Set(['', 'true', 'false']),
  store: new Set(['', 'true']),
  load: new Set(['', 'true', 'false']),
  tar: new Set(['', 'true']),
  buildinfo: new Set(['', 'false']),
  'oci-mediatypes': new Set(['', 'true']),
  'platform-split': new Set(['', 'false']),
  'rewrite-timestamp': new Set(['', 'false']),
  compression: new Set(['', 'gzip']),
  'force-compression': new Set(['', 'false']),
  'attestation-inline': new Set(['', 'true', 'false']),
};

/** What is to become of the result. Pure. No output is none; more than one, and what an output cannot do here, is refused by name. */
export function planOutputs(exporters: readonly Exporter[]): OutputPlan {
  if (exporters.length > 1) throw refused('more than one --output', 'build once for each: what is built is kept');
  const [exporter] = exporters;
  if (exporter === undefined || exporter.type === '') return { output: 'none', names: [] };
  const output = Object.hasOwn(kinds, exporter.type) ? kinds[exporter.type] : undefined;
  if (output === undefined) throw refused(`--output type=${exporter.type}`, 'give local, tar, docker, oci or image');
  for (const [name, value] of Object.entries(exporter.attributes)) checkAttribute(exporter.type, name, value);
  const names = (exporter.attributes['name'] ?? '').split(',').filter((one) => one !== '');
  return { output, names };
}

function checkAttribute(type: string, name: string, value: string): void {
  if (name === 'name' || name === 'dest') return;
  // Clients of an engine push by themselves, once the image is there.
  if (type === 'moby' && name === 'push') return;
  const allowed = Object.hasOwn(usual, name) ? usual[name] : undefined;
  if (allowed?.has(value) === true) return;
  if (name === 'push')
    throw new OrlopError('unimplemented', 'BUILDKIT_REFUSED', 'pushing in the middle of a build is not supported by this engine', {
      hint: 'push the image when it is built: docker push NAME',
    });
  throw refused(`--output type=${type},${name}=${value}`, `leave ${name} out`);
}
