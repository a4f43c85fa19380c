import { join } from 'node:path';
import { OrlopError } from '#errors';
import { parseDotenv, parseRawEnvironment } from '../model/dotenv.ts';
import type { Project } from '../model/project.ts';
import { mapValues } from '../model/normalize.ts';
import type { ServiceConfig } from '../model/service.ts';
import { isFile, readText } from './files.ts';

export type Environment = Readonly<Record<string, string>>;

/** `given` and below it what the files, by absolute paths, say; without files, `.env` of the directory if it is there. */
export async function withEnvFiles(given: Environment, files: readonly string[], directory: string): Promise<Environment> {
  const usual = join(directory, '.env');
  const paths = files.length > 0 ? files : (await isFile(usual)) ? [usual] : [];
  return { ...(await readVariables(paths, given)), ...given };
}

/** The variables of these files, of which later ones win; what is not of a file is looked up in `outer`. */
export async function readVariables(paths: readonly string[], outer: Environment): Promise<Environment> {
  let found: Environment = {};
  for (const path of paths) found = { ...found, ...(await readEnvFile(path, (name) => outer[name] ?? found[name])) };
  return found;
}

async function readEnvFile(path: string, lookup: (name: string) => string | undefined, format?: string): Promise<Environment> {
  const text = await readText(path);
  if (format !== undefined && format !== 'raw')
    throw new OrlopError('invalid-argument', 'COMPOSE_BAD_ENV_FILE', `${path}: unsupported env_file format "${format}"`, {
      hint: 'leave format out, or say raw',
    });
  try {
    return Object.fromEntries(format === 'raw' ? parseRawEnvironment(text, lookup) : parseDotenv(text, lookup));
  } catch (error) {
    throw new OrlopError('invalid-argument', 'COMPOSE_BAD_ENV_FILE', `${path}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** Variables without a value get that of the environment, where it has one. Pure. */
export function resolveBare(pairs: Readonly<Record<string, string | null>>, environment: Environment): Record<string, string | null> {
  return mapValues(pairs, (value, key) => value ?? (Object.hasOwn(environment, key) ? (environment[key] ?? null) : null));
}

/** The services with the variables of their files, which are left out then, and the labels of theirs. */
export async function resolveServiceFiles(project: Project, what: 'all' | 'labels' = 'all'): Promise<Project> {
  const services: Record<string, ServiceConfig> = {};
  for (const [name, service] of Object.entries(project.services)) {
    const labelled = await resolveLabels(service, project.environment);
    services[name] = what === 'labels' ? labelled : await resolveService(name, labelled, project.environment);
  }
  return { ...project, services };
}

async function resolveService(name: string, service: ServiceConfig, outer: Environment): Promise<ServiceConfig> {
  const { env_file: files = [], ...rest } = service;
  let variables: Environment = {};
  const own = service.environment ?? {};
  for (const { path, required, format } of files) {
    if (required === false && !(await isFile(path))) continue;
    if (!(await isFile(path)))
      throw new OrlopError('not-found', 'COMPOSE_NO_FILE', `env file ${path} of service ${name} not found`, {
        hint: 'make it, or say "required: false"',
      });
    variables = { ...variables, ...(await readEnvFile(path, (key) => outer[key] ?? own[key] ?? variables[key], format)) };
  }
  return { ...rest, ...(files.length === 0 ? {} : { environment: { ...variables, ...own } }) };
}

/** Names of the files stay: Compose's hash of the service has them. */
async function resolveLabels(service: ServiceConfig, outer: Environment): Promise<ServiceConfig> {
  const { label_file: files = [] } = service;
  let labels: Environment = {};
  for (const path of files) labels = { ...labels, ...(await readEnvFile(path, (key) => outer[key])) };
  return files.length === 0 ? service : { ...service, labels: { ...labels, ...service.labels } };
}
