import { OrlopError } from '#errors';
import type { BuildRequest, NamedContext, Ulimit } from '#wire';

/** What BuildKit's clients send for a Dockerfile: attributes of the frontend `dockerfile.v0`, by name. */
export type Attributes = Readonly<Record<string, string>>;

/** Where a context is. */
export type ContextPlace =
  | { readonly kind: 'directory'; readonly name: string }
  | { readonly kind: 'remote'; readonly url: string }
  /** A file that the client hands over by this path in its session. */
  | { readonly kind: 'upload'; readonly path: string };

/** A build as its attributes describe it. */
export interface AttributePlan {
  /** Without context and Dockerfile, which are still to come. */
  readonly request: BuildRequest;
  readonly context: ContextPlace;
  /** The client's directory with the Dockerfile; null: it is in the context. */
  readonly dockerfileDirectory: string | null;
  /** Path in its directory. */
  readonly dockerfile: string;
  /** Names of the client's directories that named contexts are, by the number that the request gives them. */
  readonly directories: ReadonlyMap<number, string>;
  /** Sessions that directories are in, by name, other than the build's own. */
  readonly sessions: Readonly<Record<string, string>>;
}

const frontends: ReadonlySet<string> = new Set(['dockerfile.v0']);

/** Refuses a frontend that is not the Dockerfile's: they are programs of their own, which produce BuildKit's graphs. */
export function checkFrontend(frontend: string): void {
  if (!frontends.has(frontend)) throw refused(`the frontend ${JSON.stringify(frontend)}`, 'this engine builds Dockerfiles: dockerfile.v0');
}

/** Attributes that say nothing that a build here could do otherwise: who asks, and what it can read. */
const meaningless =
  /^(?:frontend\.caps|source|cmdline|contextkey|dockerfilekey|local-sessionid:.*|vcs:.*|context:buildkit.*|multi-platform|build-arg-.*|cache-imports|cache-from|filename|context|requestid)$/;
/** Those that have a field of the request each. */
const handlers: Readonly<Record<string, (value: string) => BuildRequest>> = {
  target: (value) => ({ target: value }),
  platform(value) {
    if (value.includes(','))
      throw refused('a build for several platforms at once', 'build for one, and join them with: docker manifest create');
    return { platform: value };
  },
  'no-cache': (value) => (value === '' ? { noCache: true } : { noCacheFilter: listOf(value) }),
  'image-resolve-mode': (value) => (value === 'pull' ? { pull: true } : {}),
  'add-hosts': (value) => ({ extraHosts: listOf(value).map(hostOf) }),
  'force-network-mode': (value) => (['', 'default', 'sandbox'].includes(value) ? {} : { network: value }),
  'shm-size': (value) => ({ shmSizeBytes: numberOf('shm-size', value) }),
  ulimit: (value) => ({ ulimits: listOf(value).map(ulimitOf) }),
};
const refusals: Readonly<Record<string, string>> = {
  'cgroup-parent': 'a parent cgroup for builds',
  hostname: 'a host name for builds',
  'source-policy': 'a source policy',
  device: 'devices for builds',
  'override-copy-image': 'another image for COPY',
};

/**
 * Reads them. Pure. What this engine does not have is refused by name, unimplemented `BUILDKIT_REFUSED`; attributes that nobody knows are refused, too, since they change what is built.
 */
export function planAttributes(attributes: Attributes): AttributePlan {
  const buildArgs: Record<string, string> = {};
  const labels: Record<string, string> = {};
  const namedContexts: Record<string, NamedContext> = {};
  const directories = new Map<number, string>();
  let request: BuildRequest = {};
  for (const [name, value] of Object.entries(attributes)) {
    const [family, rest] = splitOnce(name);
    if (family === 'build-arg' && rest !== '') buildArgs[rest] = value;
    else if (family === 'label' && rest !== '') labels[rest] = value;
    else if (family === 'context' && rest !== '') namedContexts[contextName(rest)] = namedContextOf(rest, value, directories);
    else if (family === 'attest') checkAttestation(rest, value);
    else if (Object.hasOwn(handlers, name)) request = { ...request, ...handlers[name]?.(value) };
    else if (Object.hasOwn(refusals, name)) {
      if (value !== '') throw refused(refusals[name] ?? name, 'leave it out');
    } else if (!meaningless.test(name)) throw refused(`the attribute ${JSON.stringify(name)} of a build`, 'leave it out');
  }
  checkSyntax(buildArgs['BUILDKIT_SYNTAX']);
  return {
    request: {
      ...request,
      ...requestOf(attributes['requestid'] ?? ''),
      ...(Object.keys(buildArgs).length === 0 ? {} : { buildArgs }),
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
      ...(Object.keys(namedContexts).length === 0 ? {} : { namedContexts }),
    },
    ...placesOf(attributes),
    dockerfile: attributes['filename'] ?? 'Dockerfile',
    directories,
    sessions: sessionsOf(attributes),
  };
}

function placesOf(attributes: Attributes): Pick<AttributePlan, 'context' | 'dockerfileDirectory'> {
  const { context = '', contextkey = 'context', dockerfilekey } = attributes;
  if (context === '') return { context: { kind: 'directory', name: contextkey }, dockerfileDirectory: dockerfilekey ?? 'dockerfile' };
  const upload = /^https?:\/\/buildkit-session\/(.+)$/.exec(context)?.[1];
  const place: ContextPlace = upload === undefined ? { kind: 'remote', url: context } : { kind: 'upload', path: upload };
  return { context: place, dockerfileDirectory: dockerfilekey ?? null };
}

/** Clients that build several things at once have the directories in one session that all of these share. */
function sessionsOf(attributes: Attributes): Record<string, string> {
  const prefix = 'local-sessionid:';
  return Object.fromEntries(
    Object.entries(attributes).flatMap(([name, id]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), id]] : [])),
  );
}

/** Calls of the frontend that are no build. */
function requestOf(id: string): BuildRequest {
  if (id === '') return {};
  if (id === 'frontend.lint') return { check: true };
  if (id === 'frontend.targets') return { describe: 'targets' };
  if (id === 'frontend.outline') return { describe: 'outline' };
  throw refused(`--call=${id.replace(/^frontend\./, '')}`, 'give --call=check, outline or targets, or leave it out');
}

function contextName(name: string): string {
  const [plain = name, platform] = name.split('::');
  if (platform !== undefined) throw refused(`the build context ${JSON.stringify(name)} for one platform`, 'give it for all');
  return plain;
}

function namedContextOf(name: string, value: string, directories: Map<number, string>): NamedContext {
  const scheme = /^([a-z-]+):/.exec(value)?.[1] ?? '';
  if (scheme === 'local') {
    const stream = directories.size;
    directories.set(stream, value.slice('local:'.length));
    return { kind: 'sent', stream };
  }
  if (scheme === 'docker-image') return { kind: 'image', reference: value.slice('docker-image:'.length).replace(/^\/\//, '') };
  if (['oci-layout', 'input', 'target'].includes(scheme))
    throw refused(`the build context ${name}=${scheme}:…`, 'give a directory, docker-image://IMAGE or an address');
  return { kind: 'remote', url: value };
}

/** Attestations are asked for by default in a form that only counts where images can have them. */
function checkAttestation(kind: string, value: string): void {
  const words = value.split(',');
  if (words.includes('disabled=true') || words.includes('inline-only=true')) return;
  throw refused(`the attestation ${kind}`, `give --${kind}=false`);
}

function checkSyntax(syntax: string | undefined): void {
  if (syntax === undefined || /^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?:[:@].*)?$/.test(syntax)) return;
  throw refused(`the syntax ${JSON.stringify(syntax)}`, 'this engine reads Dockerfiles only');
}

function splitOnce(text: string): [string, string] {
  const at = text.indexOf(':');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function listOf(value: string): string[] {
  return value.split(',').filter((item) => item !== '');
}

/** `name=address` */
function hostOf(entry: string): string {
  const at = entry.lastIndexOf('=');
  if (at <= 0) throw invalid(`invalid extra host ${JSON.stringify(entry)}`);
  return `${entry.slice(0, at)}:${entry.slice(at + 1)}`;
}

function ulimitOf(entry: string): Ulimit {
  const [, name = '', soft = '', hard = soft] = /^(\w+)=(-?\d+)(?::(-?\d+))?$/.exec(entry) ?? [];
  if (name === '') throw invalid(`invalid ulimit ${JSON.stringify(entry)}`);
  return { name, soft: Number(soft), hard: Number(hard) };
}

function numberOf(name: string, value: string): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(number)) throw invalid(`invalid ${name}: ${JSON.stringify(value)}`);
  return number;
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'BUILDKIT_BAD_ATTRIBUTE', message);
}

export function refused(what: string, hint: string): OrlopError {
  return new OrlopError('unimplemented', 'BUILDKIT_REFUSED', `${what} is not supported by this engine`, { hint });
}
