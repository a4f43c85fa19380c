import { dirname, isAbsolute, join } from 'node:path';
import { OrlopError } from '#errors';
import { isDeepStrictEqual } from 'node:util';
import { checkFile } from '../model/check-file.ts';
import { composeFile, type ComposeFile } from '../model/file.ts';
import type { IncludeConfig } from '../model/resources.ts';
import { service, type ServiceConfig } from '../model/service.ts';
import { mapValues } from '../model/normalize.ts';
import { findVariables, interpolate, type Variable } from '../model/variables.ts';
import { formatPlace, parseNodes, throwProblems, type Place, type Problem } from '../shape/index.ts';
import { notSet, resolveBare, withEnvFiles, type Environment } from './environment.ts';
import { placeOf, readText } from './files.ts';

/** Files that are loaded together, and what they are loaded with. */
export interface Group {
  readonly files: readonly string[];
  /** What relative paths are of. */
  readonly directory: string;
  readonly home: string;
  readonly environment: Environment;
  readonly interpolates: boolean;
  readonly resolvesPaths: boolean;
  readonly places: Map<string, Place>;
  readonly onWarning: (text: string) => void;
  /** Hears of the variables in the files. */
  readonly onVariable?: ((variable: Variable) => void) | undefined;
  /** Text of the file `-`. */
  readonly stdin?: string;
  /** Files that include this one. */
  readonly outer?: readonly string[];
}

const sections = ['services', 'networks', 'volumes', 'secrets', 'configs', 'models'] as const;

/** All files of a group, with what they extend and include, merged in order. */
export async function loadGroup(group: Group): Promise<ComposeFile> {
  let merged: ComposeFile = {};
  for (const file of group.files) {
    for (const document of await readDocuments(file, group)) {
      if (document.version !== undefined)
        group.onWarning(
          `${file}: the attribute \`version\` is obsolete, it will be ignored, please remove it to avoid potential confusion`,
        );
      const extended = await extendServices(document, file, group);
      const whole = await includeFiles(extended, file, group);
      merged = composeFile.merge(merged, whole);
    }
  }
  throwProblems(checkFile(merged, group.places));
  const services = mapValues(merged.services ?? {}, (value) => complete(value, group));
  return merged.services === undefined ? merged : { ...merged, services };
}

/** What is of the environment and the directory of the files. */
function complete(value: ServiceConfig, { environment, directory, resolvesPaths }: Group): ServiceConfig {
  const { environment: own, build } = value;
  const args =
    build?.args === undefined ? undefined : Object.entries(resolveBare(build.args, environment)).filter(([, text]) => text !== null);
  const context = build?.context ?? (resolvesPaths ? directory : '.');
  return {
    ...value,
    ...(own === undefined ? {} : { environment: resolveBare(own, environment) }),
    ...(build === undefined ? {} : { build: { ...build, context, ...(args === undefined ? {} : { args: Object.fromEntries(args) }) } }),
  };
}

async function readDocuments(file: string, group: Group): Promise<ComposeFile[]> {
  const text = file === '-' ? (group.stdin ?? '') : await readText(file);
  const problems: Problem[] = [];
  const missing = new Set<string>();
  const warnings: string[] = [];
  const documents = parseNodes(text, file).map((node) => {
    const lookup = (name: string): string | undefined => (Object.hasOwn(group.environment, name) ? group.environment[name] : undefined);
    const substitution = { lookup, onMissing: (name: string) => void missing.add(name) };
    if (group.onVariable !== undefined) findVariables(node).forEach(group.onVariable);
    const filled = group.interpolates ? interpolate(node, substitution, problems) : node;
    const reading = {
      lenient: !group.interpolates,
      path: '',
      directory: group.resolvesPaths ? group.directory : null,
      home: group.home,
      problems,
      warnings,
      places: group.places,
    };
    return composeFile.read(filled, reading);
  });
  for (const name of missing) group.onWarning(notSet(name));
  warnings.forEach(group.onWarning);
  throwProblems(problems);
  return documents.filter((document) => document !== undefined);
}

async function extendServices(document: ComposeFile, file: string, group: Group): Promise<ComposeFile> {
  const { services } = document;
  if (services === undefined) return document;
  const extended: Record<string, ServiceConfig> = {};
  for (const name of Object.keys(services)) extended[name] = await extendService(name, services, file, group, []);
  return { ...document, services: Object.defineProperties(extended, symbolsOf(services)) };
}

/** Marks such as `!reset`, which are kept beside the value. */
function symbolsOf(value: object): PropertyDescriptorMap {
  const marks: PropertyDescriptorMap = {};
  for (const key of Object.getOwnPropertySymbols(value)) marks[key] = Object.getOwnPropertyDescriptor(value, key) ?? {};
  return marks;
}

async function extendService(
  name: string,
  services: Readonly<Record<string, ServiceConfig>>,
  file: string,
  group: Group,
  way: readonly string[],
): Promise<ServiceConfig> {
  const own = services[name];
  const step = `${name} in ${file}`;
  if (way.includes(step)) throw invalid(`Circular reference:\n  ${[...way, step].join('\n  extends ')}`);
  if (own === undefined) throw invalid(`cannot extend service "${way.at(-1) ?? ''}": service "${name}" not found in ${file}`);
  const { extends: base, ...rest } = own;
  if (base === undefined) return own;
  Object.defineProperties(rest, symbolsOf(own));
  const further = [...way, step];
  if (base.file === undefined) return service.merge(await extendService(base.service, services, file, group, further), rest);
  const path = placeOf(base.file, group.directory);
  const inner: Group = { ...group, directory: dirname(path), places: new Map() };
  const [document = {}, ...others] = await readDocuments(path, inner);
  const whole = others.reduce<ComposeFile>((all, next) => composeFile.merge(all, next), document);
  return service.merge(await extendService(base.service, whole.services ?? {}, path, inner, further), rest);
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'COMPOSE_INVALID', message);
}

async function includeFiles(document: ComposeFile, file: string, group: Group): Promise<ComposeFile> {
  const { include = [], ...rest } = document;
  let whole: ComposeFile = Object.defineProperties(rest, symbolsOf(document));
  for (const entry of include) whole = importInto(whole, await loadIncluded(entry, file, group), group);
  return whole;
}

async function loadIncluded(entry: IncludeConfig, file: string, group: Group): Promise<ComposeFile> {
  const at = (path: string): string => (isAbsolute(path) ? path : join(group.directory, path));
  const files = (entry.path ?? []).map((path) => placeOf(path, group.directory));
  const outer = [...(group.outer ?? []), file];
  const [main = ''] = files;
  if (outer.includes(main)) throw invalid(`include cycle detected:\n${[...outer, main].join('\n include ')}`);
  const directory = entry.project_directory === undefined ? dirname(main) : at(entry.project_directory);
  const environment = await withEnvFiles(group.environment, (entry.env_file ?? []).map(at), directory, group.onWarning);
  return loadGroup({ ...group, files, directory, environment, outer, places: new Map() });
}

/** Adds what was included; what is there already must be the same. */
function importInto(whole: ComposeFile, included: ComposeFile, group: Group): ComposeFile {
  const added = sections.map((section) => {
    const own: Readonly<Record<string, unknown>> = whole[section] ?? {};
    const more: Readonly<Record<string, unknown>> = included[section] ?? {};
    for (const [name, value] of Object.entries(more)) {
      if (!Object.hasOwn(own, name) || isDeepStrictEqual(own[name], value)) continue;
      const place = group.places.get(`${section}.${name}`);
      throw invalid(`${place === undefined ? '' : `${formatPlace(place)}: `}${section}.${name} conflicts with imported resource`);
    }
    return [section, { ...more, ...own }] as const;
  });
  return { ...whole, ...Object.fromEntries(added.filter(([, values]) => Object.keys(values).length > 0)) };
}
