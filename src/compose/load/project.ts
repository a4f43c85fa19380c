import { basename, dirname, resolve } from 'node:path';
import { OrlopError } from '#errors';
import { checkProject } from '../model/check.ts';
import { normalize } from '../model/normalize.ts';
import type { Project } from '../model/project.ts';
import { selectProfiles } from '../model/select.ts';
import { substitute, type Variable } from '../model/variables.ts';
import { parseNodes, throwProblems, type Place } from '../shape/index.ts';
import { isTrue, resolveServiceFiles, withEnvFiles, type Environment } from './environment.ts';
import { findFiles, readText } from './files.ts';
import { loadGroup } from './group.ts';

/** What a person says of a project on the command line. */
export interface ProjectOptions {
  readonly files?: readonly string[];
  readonly projectName?: string | undefined;
  readonly projectDirectory?: string | undefined;
  readonly profiles?: readonly string[];
  readonly envFiles?: readonly string[];
  /** Services that are asked for by name: their profiles do not matter. */
  readonly named?: readonly string[];
  readonly workingDirectory: string;
  readonly environment: Environment;
  /** Names as docker-compose 1 gave them. */
  readonly compatible?: boolean;
  readonly home: string;
  readonly stdin?: () => Promise<string>;
  readonly onWarning?: (text: string) => void;
  /** Hears of each use of a variable in the files. */
  readonly onVariable?: ((variable: Variable) => void) | undefined;
  readonly interpolates?: boolean;
  readonly normalizes?: boolean;
  readonly resolvesPaths?: boolean;
  readonly checks?: boolean;
  /** Variables of env_file become variables of the services, and labels of label_file their labels; or these alone. */
  readonly resolvesEnvironment?: boolean | 'labels';
}

/**
 * Loads a project from its files: environment, files, overrides, includes, extends, profiles; merged, normalized and checked. not-found without files,
 * invalid-argument `COMPOSE_INVALID` with the place of each problem. Source: compose-spec.
 */
export async function loadProject(options: ProjectOptions): Promise<Project> {
  const { workingDirectory, environment: outer } = options;
  const onWarning = options.onWarning ?? (() => undefined);
  const early = await withEnvFiles(outer, envFilesOf(options, outer), resolve(workingDirectory, options.projectDirectory ?? '.'));
  const given = options.files?.length ? options.files : splitList(early['COMPOSE_FILE'], early['COMPOSE_PATH_SEPARATOR'] ?? ':');
  const files = await findFiles(given, workingDirectory, options.projectDirectory ?? '.', onWarning);
  const [first = '-'] = files;
  const directory = resolve(workingDirectory, options.projectDirectory ?? (first === '-' ? '.' : dirname(first)));
  const found = await withEnvFiles(outer, envFilesOf(options, outer), directory, onWarning);
  const stdin = files.includes('-') ? await options.stdin?.() : undefined;
  const name = await chooseName(options, found, files, directory, stdin);
  const environment: Environment = { ...found, COMPOSE_PROJECT_NAME: name };
  const places = new Map<string, Place>();
  const file = await loadGroup({
    files,
    directory,
    home: options.home,
    environment,
    interpolates: options.interpolates !== false,
    resolvesPaths: options.resolvesPaths !== false,
    places,
    onWarning,
    onVariable: options.onVariable,
    ...(stdin === undefined ? {} : { stdin }),
  });
  if (Object.keys(file).length === 0) throw new OrlopError('invalid-argument', 'COMPOSE_INVALID', 'empty compose file');
  const whole = options.normalizes === false ? file : normalize(file, name);
  const { services = {}, networks = {}, volumes = {}, secrets = {}, configs = {}, models = {}, extensions = {} } = whole;
  const all: Project = {
    name,
    directory,
    ...(options.compatible === true || isTrue(environment['COMPOSE_COMPATIBILITY']) ? { separator: '_' } : {}),
    files,
    environment,
    services,
    disabled: {},
    networks,
    volumes,
    secrets,
    configs,
    models,
    extensions,
  };
  const profiles = [...(options.profiles ?? []), ...splitList(environment['COMPOSE_PROFILES'], ',')];
  const selected = selectProfiles(all, profiles, options.named);
  if (options.checks !== false) throwProblems(checkProject(selected, places));
  if (options.resolvesEnvironment === false) return selected;
  return resolveServiceFiles(selected, options.resolvesEnvironment === 'labels' ? 'labels' : 'all', onWarning);
}

/** Files of variables that are named, absolute. */
function envFilesOf({ envFiles = [], workingDirectory }: ProjectOptions, environment: Environment): readonly string[] {
  const named = envFiles.length > 0 ? envFiles : splitList(environment['COMPOSE_ENV_FILES'], ',');
  return named.map((path) => resolve(workingDirectory, path));
}

function splitList(text: string | undefined, separator: string): string[] {
  return text === undefined ? [] : text.split(separator).filter((part) => part !== '');
}

/** Given, or of the environment, or of the last file that has one, or the directory's. */
async function chooseName(
  { projectName }: ProjectOptions,
  environment: Environment,
  files: readonly string[],
  directory: string,
  stdin: string | undefined,
): Promise<string> {
  const wanted = projectName ?? environment['COMPOSE_PROJECT_NAME'];
  if (wanted !== undefined && wanted !== '') {
    if (asName(wanted) === wanted) return wanted;
    throw new OrlopError('invalid-argument', 'COMPOSE_BAD_NAME', `invalid project name ${JSON.stringify(wanted)}`, {
      hint: 'use lower-case letters, digits, dashes and underscores, and begin with a letter or a digit',
    });
  }
  let name = '';
  for (const file of files) {
    for (const node of parseNodes(file === '-' ? (stdin ?? '') : await readText(file), file)) {
      const entry = node.kind === 'map' ? node.entries.get('name') : undefined;
      if (entry?.kind === 'scalar' && typeof entry.value === 'string' && entry.value !== '') name = entry.value;
    }
  }
  const own = asName(substitute(name, { lookup: (key) => environment[key] }));
  const chosen = own === '' ? asName(basename(directory)) : own;
  if (chosen !== '') return chosen;
  throw new OrlopError('invalid-argument', 'COMPOSE_BAD_NAME', 'project name must not be empty', { hint: 'give one with -p' });
}

function asName(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');
}
