import { isAbsolute, join } from 'node:path';
import { OrlopError } from '#errors';
import { imageOf, type Project, type ServiceConfig } from '#compose';

type Build = NonNullable<ServiceConfig['build']>;

const attestations = 'the builder makes no attestations: leave it out, or say false';

/** Attributes of `build` that the engine's builder lacks. */
const refused: Readonly<Record<string, string>> = {
  isolation: 'it is for Windows',
  provenance: attestations,
  sbom: attestations,
};

/** What `orlop build` is told to build a service's image; the Dockerfile's text where it is in the Compose file. unimplemented names what it lacks. Pure. */
export function wordsOfBuild(
  project: Project,
  name: string,
  image: string,
): { readonly words: string[]; readonly dockerfile: string | null } {
  const build: Build = project.services[name]?.build ?? {};
  for (const [key, hint] of Object.entries(refused))
    if (asks(build, key))
      throw new OrlopError('unimplemented', 'COMPOSE_UNSUPPORTED', `services.${name}.build.${key} is not supported`, { hint });
  const { context = project.directory, dockerfile = 'Dockerfile', dockerfile_inline: inline, platforms } = build;
  const isRemote = /^(?:[a-z]+:\/\/|git@|github\.com\/)/.test(context);
  const platform = project.services[name]?.platform ?? (platforms?.length === 1 ? platforms[0] : undefined);
  const each = (flag: string, values: readonly string[]): string[] => values.map((value) => `--${flag}=${value}`);
  const pairs = (flag: string, values: Readonly<Record<string, string | null>> = {}): string[] =>
    each(
      flag,
      Object.entries(values).map(([key, value]) => (value === null ? key : `${key}=${value}`)),
    );
  const one = (flag: string, value: string | undefined): string[] => (value === undefined ? [] : each(flag, [value]));
  const words = [
    ...each('tag', [image, ...(build.tags ?? [])]),
    ...each('file', [inline !== undefined ? '-' : isRemote || isAbsolute(dockerfile) ? dockerfile : join(context, dockerfile)]),
    ...pairs('build-arg', build.args),
    ...pairs('label', build.labels),
    ...pairs('build-context', contextsOf(project, build)),
    ...each(
      'add-host',
      Object.entries(build.extra_hosts ?? {}).flatMap(([host, addresses]) => addresses.map((address) => `${host}:${address}`)),
    ),
    ...each('allow', [...new Set([...(build.privileged === true ? ['security.insecure'] : []), ...(build.entitlements ?? [])])]),
    ...each('cache-from', build.cache_from ?? []),
    ...each('cache-to', build.cache_to ?? []),
    ...each(
      'ssh',
      (build.ssh ?? []).map(({ id, path }) => (path === '' ? id : `${id}=${path}`)),
    ),
    ...each('secret', secretsOf(project, build)),
    ...each(
      'ulimit',
      Object.entries(build.ulimits ?? {}).map(
        ([limit, value]) => `${limit}=${typeof value === 'number' ? value : `${value.soft}:${value.hard}`}`,
      ),
    ),
    ...one('target', build.target),
    ...one('network', build.network),
    ...one('shm-size', build.shm_size === undefined ? undefined : String(build.shm_size)),
    ...one('platform', platform),
    ...(build.no_cache === true ? ['--no-cache'] : []),
    ...(build.pull === true ? ['--pull'] : []),
    context,
  ];
  return { words, dockerfile: inline ?? null };
}

/** An attestation that is not wanted needs none. */
function asks(build: Build, key: string): boolean {
  const value = (build as Readonly<Record<string, unknown>>)[key];
  return value !== undefined && value !== false && value !== 'false';
}

/** `service:NAME` is what that service's image is. */
function contextsOf(project: Project, { additional_contexts: contexts = {} }: Build): Record<string, string> {
  return Object.fromEntries(
    Object.entries(contexts).map(([key, value]) => [
      key,
      value.startsWith('service:') ? `docker-image://${imageOf(project, value.slice('service:'.length))}` : value,
    ]),
  );
}

function secretsOf(project: Project, { secrets = [] }: Build): string[] {
  return secrets.map(({ source = '', target = source }) => {
    const { file, environment } = project.secrets[source] ?? {};
    return file === undefined ? `id=${target},env=${environment ?? ''}` : `id=${target},src=${file}`;
  });
}
