import { OrlopError } from '#errors';
import { createJsonReader, type Exchange, type JsonReader, type Query } from '#api/http';
import type { BuildRequest, CacheSource, DockerAuth, RegistryLogin, Ulimit } from '#wire';
import { decodeLimits } from '../containers/decode-limits.ts';
import { loginOfBody, registryOf } from '../registries/login.ts';

/** The query of `POST /build` as Docker's classic builder takes it. What this engine does not have is refused by name. */
export function decodeBuild({ query }: Exchange): BuildRequest {
  refuseOthers(query);
  const limits = decodeLimits(limitsOf(query));
  const remote = query.text('remote');
  const shmSizeBytes = query.integer('shmsize');
  const hosts = query.all('extrahosts').filter((entry) => entry !== '');
  return {
    sequential: true,
    ...text(query, 'dockerfile', 'dockerfile'),
    ...text(query, 'target', 'target'),
    ...text(query, 'platform', 'platform'),
    ...text(query, 'networkmode', 'network'),
    ...(remote === '' ? {} : { remote }),
    names: query.all('t').filter((name) => name !== ''),
    noCache: query.flag('nocache'),
    cacheFrom: cacheImagesOf(query),
    pull: query.flag('pull'),
    squash: query.flag('squash'),
    // Unless it is said, they go.
    keepSteps: query.text('rm') !== '' && !query.flag('rm') && !query.flag('forcerm'),
    buildArgs: textsOf(query, 'buildargs'),
    labels: textsOf(query, 'labels'),
    extraHosts: hosts,
    ulimits: ulimitsOf(query),
    ...(limits === undefined ? {} : { limits }),
    ...(shmSizeBytes === undefined || shmSizeBytes === 0 ? {} : { shmSizeBytes }),
  };
}

/** Images of this engine whose steps may be used: those that have them inside. */
function cacheImagesOf(query: Query): readonly CacheSource[] {
  const images = parsed(query, 'cachefrom') ?? [];
  if (!Array.isArray(images) || images.some((image) => typeof image !== 'string')) throw invalid('cachefrom must be a JSON list of images');
  return (images as string[]).map((reference) => ({ kind: 'image', reference }));
}

function text<Name extends string>(query: Query, parameter: string, name: Name): { readonly [Key in Name]?: string } {
  const value = query.text(parameter);
  return value === '' ? {} : ({ [name]: value } as { readonly [Key in Name]: string });
}

function refuseOthers(query: Query): void {
  if (query.text('session') !== '') throw invalid('a session belongs to a build of version 2');
  if (!['', '1'].includes(query.text('version'))) throw invalid(`invalid build version ${JSON.stringify(query.text('version'))}`);
  if (!['', 'default'].includes(query.text('isolation'))) throw refused('isolation: Linux has only the default one', 'leave it out');
  for (const [parameter, what] of [
    ['cgroupparent', 'a parent cgroup for builds'],
    ['securityopt', 'security options for builds'],
    ['outputs', 'outputs of builds'],
    ['credentialspec', 'a credential spec'],
  ] as const) {
    if (!['', '[]', 'null'].includes(query.text(parameter))) throw refused(`${what}: not supported by this engine`, 'leave it out');
  }
}

/** Under the names that a HostConfig has for them. */
function limitsOf(query: Query): JsonReader {
  return createJsonReader(
    {
      Memory: query.integer('memory') ?? 0,
      MemorySwap: query.integer('memswap') ?? 0,
      CpuShares: query.integer('cpushares') ?? 0,
      CpuQuota: query.integer('cpuquota') ?? 0,
      CpuPeriod: query.integer('cpuperiod') ?? 0,
      CpusetCpus: query.text('cpusetcpus'),
      CpusetMems: query.text('cpusetmems'),
    },
    'build',
  );
}

function parsed(query: Query, parameter: string): unknown {
  const json = query.text(parameter);
  if (json === '') return null;
  try {
    return JSON.parse(json);
  } catch {
    throw invalid(`error reading build args: ${parameter} must be JSON`);
  }
}

/** A map of texts; what has no value is as if it were not there. */
function textsOf(query: Query, parameter: string): Record<string, string> {
  const value = parsed(query, parameter) ?? {};
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(`${parameter} must be a JSON object`);
  const given = Object.entries(value as Record<string, unknown>).filter(([, item]) => item !== null);
  const wrong = given.find(([, item]) => typeof item !== 'string');
  if (wrong !== undefined) throw invalid(`${parameter}: ${wrong[0]} must be a text`);
  return Object.fromEntries(given) as Record<string, string>;
}

function ulimitsOf(query: Query): Ulimit[] {
  const value = parsed(query, 'ulimits') ?? [];
  return createJsonReader({ ulimits: value }, 'build')
    .objects('ulimits')
    .map((limit) => ({ name: limit.text('Name'), soft: limit.integer('Soft'), hard: limit.integer('Hard') }));
}

const longestHeader = 256 * 1024;

/** `X-Registry-Config`: logins by registry, JSON in base64. What it holds is never repeated. */
export function loginsOf({ headers }: Exchange): Record<string, RegistryLogin> {
  const header = headers['x-registry-config'];
  const encoded = Array.isArray(header) ? header[0] : header;
  if (encoded === undefined || encoded === '') return {};
  try {
    if (encoded.length > longestHeader) throw new RangeError('too long');
    const value = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')) as Record<string, DockerAuth>;
    return Object.fromEntries(Object.entries(value ?? {}).map(([server, auth]) => [registryOf(server), loginOfBody(auth)]));
  } catch {
    throw invalid('the header X-Registry-Config is not JSON in base64');
  }
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'DOCKER_BAD_BUILD', message);
}

function refused(message: string, hint: string): OrlopError {
  return new OrlopError('unimplemented', 'DOCKER_BUILD_REFUSED', message, { hint });
}
