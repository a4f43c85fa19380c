import { parse } from 'yaml';
import { OrlopError } from '#errors';
import { normalizePlatform, type Platform } from '#oci';

/** `metadata.yaml` of an image for LXD or Incus (their documentation, "Image format"). */
export interface LxdMetadata {
  /** As uname(2) names it: `x86_64`, `aarch64`. */
  readonly architecture: string;
  /** Seconds since 1970; 0 when it says nothing. */
  readonly creationDate: number;
  /** `os`, `release`, `variant`, `description`, … */
  readonly properties: Readonly<Record<string, string>>;
  /** By the path of the file that each makes. */
  readonly templates: Readonly<Record<string, LxdTemplate>>;
}

export interface LxdTemplate {
  /** Name of a file below `templates/`. */
  readonly template: string;
  /** `create`, `copy`, `start`, `rename`. */
  readonly when: readonly string[];
  /** Only where there is no such file. */
  readonly createOnly: boolean;
  readonly properties: Readonly<Record<string, string>>;
}

/** Parses `metadata.yaml`. Invalid-argument `IMAGE_BAD_LXD` naming the place. */
export function parseMetadata(text: string): LxdMetadata {
  const root = objectOf(parseYaml(text), 'metadata.yaml');
  const { architecture, creation_date: date = 0 } = root;
  if (typeof architecture !== 'string' || architecture === '') throw badLxd('metadata.yaml says no architecture');
  const seconds = Number(date);
  if (!Number.isFinite(seconds) || seconds < 0 || seconds > 1e11) throw badLxd('creation_date of metadata.yaml is no number of seconds');
  const templates = Object.entries(objectOf(root['templates'] ?? {}, 'templates of metadata.yaml'));
  return {
    architecture,
    creationDate: Math.floor(seconds),
    properties: textsOf(root['properties'] ?? {}, 'properties of metadata.yaml'),
    templates: Object.fromEntries(templates.map(([path, value]) => [path, templateOf(value, path)])),
  };
}

function parseYaml(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0, logLevel: 'error' });
  } catch (cause) {
    throw badLxd(`metadata.yaml is not YAML: ${(cause as Error).message.split('\n')[0] ?? ''}`, cause);
  }
}

function templateOf(value: unknown, path: string): LxdTemplate {
  const { template, when, properties, create_only: createOnly } = objectOf(value, `template of ${path}`);
  if (typeof template !== 'string' || !Array.isArray(when) || !when.every((word) => typeof word === 'string'))
    throw badLxd(`the template of ${path} does not say its file and when it is used`);
  return { template, when, createOnly: createOnly === true, properties: textsOf(properties ?? {}, `properties of ${path}`) };
}

function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badLxd(`${what} is no mapping`);
  return value as Record<string, unknown>;
}

/** Versions such as 3.10 lose their end as numbers, but that has happened when YAML was read. */
function textsOf(value: unknown, what: string): Record<string, string> {
  const entries = Object.entries(objectOf(value, what));
  return Object.fromEntries(
    entries.map(([key, inner]) => {
      if (!['string', 'number', 'boolean'].includes(typeof inner)) throw badLxd(`${key} among the ${what} is no text`);
      return [key, String(inner)];
    }),
  );
}

/** Beyond what people call them everywhere: names of uname(2) and of Debian. */
const platforms: Readonly<Record<string, Omit<Platform, 'os'>>> = {
  armv7l: { architecture: 'arm', variant: 'v7' },
  armv6l: { architecture: 'arm', variant: 'v6' },
  ppc64el: { architecture: 'ppc64le' },
  loongarch64: { architecture: 'loong64' },
};

/** The platform that LXD, uname(2) or Debian mean by an architecture's name; unknown names stand for themselves, as `riscv64` does. */
export function platformOfArchitecture(name: string): Platform {
  const known = Object.hasOwn(platforms, name) ? platforms[name] : undefined;
  return normalizePlatform({ os: 'linux', architecture: name, ...known });
}

export function badLxd(what: string, cause?: unknown): OrlopError {
  return new OrlopError('invalid-argument', 'IMAGE_BAD_LXD', `this is no image of LXD or Incus: ${what}`, {
    hint: 'give a unified tarball (metadata.yaml and rootfs/), or a metadata tarball and its root as squashfs or tar',
    ...(cause === undefined ? {} : { cause }),
  });
}
