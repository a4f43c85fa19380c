import { formatPlatform, normalizePlatform, type Platform } from '#oci';
import { locating } from '../dockerfile/errors.ts';
import { expandWord } from '../dockerfile/expand.ts';
import type { Dockerfile, PlanOptions } from '../model.ts';

/**
 * The arguments that FROM sees, and that an ARG without value in a stage takes: the predefined ones about platforms (Dockerfile reference,
 * "Automatic platform ARGs in the global scope"), then the file's global ARGs, each with the client's value first.
 */
export function globalArguments(
  file: Dockerfile,
  options: Pick<PlanOptions, 'buildArgs' | 'platform' | 'buildPlatform' | 'target'>,
): Map<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of platformArguments(file, options)) values.set(name, ownValue(options.buildArgs, name) ?? value);
  for (const { args, lines } of file.globalArgs) {
    for (const arg of args) {
      const given = ownValue(options.buildArgs, arg.name);
      const preset = arg.value;
      if (given !== undefined) values.set(arg.name, given);
      else if (preset !== undefined) {
        values.set(
          arg.name,
          locating(file.text, lines, () => expandWord(preset, values, file.directives.escape)),
        );
      }
    }
  }
  return values;
}

/** The client's value of a build argument. */
export function ownValue(values: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}

function platformArguments(
  file: Dockerfile,
  { platform, buildPlatform, target }: Pick<PlanOptions, 'platform' | 'buildPlatform' | 'target'>,
): [name: string, value: string][] {
  const stage = target ?? file.stages.at(-1)?.name ?? '';
  return [
    ...describePlatform('BUILD', buildPlatform),
    ...describePlatform('TARGET', platform),
    ['TARGETSTAGE', stage === '' ? 'default' : stage],
  ];
}

function describePlatform(prefix: string, platform: Platform): [string, string][] {
  const { os, architecture, variant = '', 'os.version': version = '' } = normalizePlatform(platform);
  return [
    [`${prefix}PLATFORM`, formatPlatform(platform)],
    [`${prefix}OS`, os],
    [`${prefix}OSVERSION`, version],
    [`${prefix}ARCH`, architecture],
    [`${prefix}VARIANT`, variant],
  ];
}

const proxyNames = new Set(['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'all_proxy']);

/**
 * `NAME=value` of the predefined proxy arguments that the client gave, in both cases of letters, as BuildKit sets them. They need no ARG, and
 * are in neither history nor cache keys unless the file has an ARG for them (Dockerfile reference, "Predefined ARGs").
 */
export function proxyEnvironment(buildArgs: Readonly<Record<string, string>>): string[] {
  const given = Object.entries(buildArgs).filter(([name]) => proxyNames.has(name.toLowerCase()));
  const values = new Map(given.map(([name, value]) => [name.toLowerCase(), value]));
  return [...values].flatMap(([name, value]) => [`${name.toUpperCase()}=${value}`, `${name}=${value}`]);
}

/** Arguments that are for the builder, and are taken without an ARG. Others that BuildKit knows mean nothing here, and count as unused. */
export function isPredefined(name: string): boolean {
  return (
    proxyNames.has(name.toLowerCase()) ||
    /^BUILDKIT_(SYNTAX|DOCKERFILE_CHECK(_EXPERIMENTAL)?)$/.test(name) ||
    name === 'SOURCE_DATE_EPOCH' ||
    /^(BUILD|TARGET)(PLATFORM|OS|OSVERSION|ARCH|VARIANT)$/.test(name) ||
    name === 'TARGETSTAGE'
  );
}
