import { join } from 'node:path';
import { OrlopError } from '#errors';
import { parseDotenv, parseRawEnvironment } from '../model/dotenv.ts';
import type { Project } from '../model/project.ts';
import { mapValues } from '../model/normalize.ts';
import type { ServiceConfig } from '../model/service.ts';
import type { Lookup } from '../model/variables.ts';
import { isFile, readText } from './files.ts';

export type Environment = Readonly<Record<string, string>>;

type Warn = (text: string) => void;
const unheard: Warn = () => undefined;

/** `given` and below it what the files, by absolute paths, say; without files, `.env` of the directory if it is there. */
export async function withEnvFiles(
  given: Environment,
  files: readonly string[],
  directory: string,
  onWarning: Warn = unheard,
): Promise<Environment> {
  const usual = join(directory, '.env');
  const looks = files.length === 0 && !isTrue(given['COMPOSE_DISABLE_ENV_FILE']);
  const paths = looks && (await isFile(usual)) ? [usual] : files;
  return { ...(await readVariables(paths, given, onWarning)), ...given };
}

/** As Go's strconv.ParseBool reads it. */
export function isTrue(text = ''): boolean {
  return /^(?:1|t|true)$/i.test(text);
}

/** The variables of these files, of which later ones win; what is not of a file is looked up in `outer`. */
export async function readVariables(paths: readonly string[], outer: Environment, onWarning: Warn = unheard): Promise<Environment> {
  let found: Environment = {};
  for (const path of paths) found = { ...found, ...(await readEnvFile(path, { lookup: (name) => outer[name] ?? found[name], onWarning })) };
  return found;
}

interface EnvFileReading {
  readonly lookup: Lookup;
  readonly format?: string | undefined;
  readonly onWarning: Warn;
}

async function readEnvFile(path: string, { lookup, format, onWarning }: EnvFileReading): Promise<Environment> {
  const text = await readText(path);
  if (format !== undefined && format !== 'raw')
    throw new OrlopError('invalid-argument', 'COMPOSE_BAD_ENV_FILE', `${path}: unsupported env_file format "${format}"`, {
      hint: 'leave format out, or say raw',
    });
  try {
    if (format === 'raw') return Object.fromEntries(parseRawEnvironment(text, lookup));
    const missing = new Set<string>();
    const variables = Object.fromEntries(parseDotenv(text, { lookup, onMissing: (name) => void missing.add(name) }));
    for (const name of missing) onWarning(notSet(name));
    return variables;
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

/** What is said of a variable that has neither value nor default. */
export function notSet(name: string): string {
  return `The "${name}" variable is not set. Defaulting to a blank string.`;
}

/** The services with the variables of their files, which are left out then, and the labels of theirs. */
export async function resolveServiceFiles(project: Project, what: 'all' | 'labels', onWarning: Warn): Promise<Project> {
  const services: Record<string, ServiceConfig> = {};
  for (const [name, service] of Object.entries(project.services)) {
    const labelled = await resolveLabels(service, project.environment, onWarning);
    services[name] = what === 'labels' ? labelled : await resolveService(name, labelled, project.environment, onWarning);
  }
  return { ...project, services };
}

async function resolveService(name: string, service: ServiceConfig, outer: Environment, onWarning: Warn): Promise<ServiceConfig> {
  const { env_file: files = [], ...rest } = service;
  let variables: Environment = {};
  const own = service.environment ?? {};
  for (const { path, required, format } of files) {
    if (required === false && !(await isFile(path))) continue;
    if (!(await isFile(path)))
      throw new OrlopError('not-found', 'COMPOSE_NO_FILE', `env file ${path} of service ${name} not found`, {
        hint: 'make it, or say "required: false"',
      });
    const lookup: Lookup = (key) => outer[key] ?? own[key] ?? variables[key];
    variables = { ...variables, ...(await readEnvFile(path, { lookup, format, onWarning })) };
  }
  return { ...rest, ...(files.length === 0 ? {} : { environment: { ...variables, ...own } }) };
}

/** Names of the files stay: Compose's hash of the service has them. */
async function resolveLabels(service: ServiceConfig, outer: Environment, onWarning: Warn): Promise<ServiceConfig> {
  const { label_file: files = [] } = service;
  let labels: Environment = {};
  for (const path of files) labels = { ...labels, ...(await readEnvFile(path, { lookup: (key) => outer[key], onWarning })) };
  return files.length === 0 ? service : { ...service, labels: { ...labels, ...service.labels } };
}
