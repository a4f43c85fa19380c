import { OrlopError } from '#errors';
import type { JsonReader } from '#api/http';
import type { CreateRequest } from '#wire';
import { decodeNetworkPart } from './decode-network.ts';
import { decodeHealthCheck, decodeUnhealthyAction } from './health.ts';
import { decodeDevices } from './decode-devices.ts';
import { decodeIsolation } from './decode-isolation.ts';
import { decodeLimits } from './decode-limits.ts';
import { decodeRestartPolicy } from './decode-restart.ts';
import { refuseUnsupported } from './refused-fields.ts';
import { decodeMounts } from './decode-mounts.ts';
import { parseSecurityOptions } from './security-options.ts';

/** `POST /containers/create`: Docker's Config with HostConfig and NetworkingConfig. What Orlop cannot do is unimplemented, by name. */
export function decodeCreate(config: JsonReader, name: string, apiVersion: string): CreateRequest {
  const host = config.object('HostConfig');
  if (config.keys.length === 0)
    throw new OrlopError('invalid-argument', 'DOCKER_NO_CONFIG', 'config cannot be empty in order to create a container');
  refuseUnsupported(host);
  const image = config.text('Image');
  if (image === '' && (config.words('Cmd') ?? []).length + (config.words('Entrypoint') ?? []).length === 0)
    throw new OrlopError('invalid-argument', 'DOCKER_NO_COMMAND', 'no command specified');
  if (image === '')
    throw new OrlopError('invalid-argument', 'DOCKER_NO_IMAGE', 'no image specified', { hint: 'name one in the field Image' });
  return compact({
    kind: decodeKind(host),
    image,
    name: name === '' ? undefined : name.replace(/^\//, ''),
    ...decodeProcess(config),
    ...decodeStreams(config, host),
    ...decodeSecurity(host),
    ...decodeIsolation(config, host, apiVersion),
    ...decodeDevices(host),
    ...decodeFiles(host),
    ...decodeMounts(config, host, apiVersion),
    ...decodeNetworkPart(config, host, apiVersion),
    limits: decodeLimits(host),
    labels: nonEmptyMap(config.textMap('Labels')),
    hostname: nonEmpty(config.text('Hostname')),
    domainname: nonEmpty(config.text('Domainname')),
    stopSignal: nonEmpty(config.text('StopSignal')),
    stopTimeoutS: optionalInteger(config, 'StopTimeout'),
    logging: decodeLogging(host.object('LogConfig')),
    autoRemove: host.flag('AutoRemove'),
    restartPolicy: decodeRestartPolicy(host),
    healthCheck: decodeHealthCheck(config),
    onUnhealthy: decodeUnhealthyAction(host),
    settings: nonEmptyMap(host.textMap('Settings')),
    profiles: host.texts('Profiles') ?? undefined,
    init: host.raw('Init') === undefined || host.raw('Init') === null ? undefined : host.flag('Init'),
    shell: nonEmptyList(config.words('Shell')),
    onBuild: nonEmptyList(config.texts('OnBuild')),
    idFile: nonEmpty(host.text('ContainerIDFile')),
  });
}

/** A field of our own among Docker's: `system` makes a machine. */
function decodeKind(host: JsonReader): CreateRequest['kind'] {
  const kind = host.text('Kind');
  if (kind === '' || kind === 'app') return 'app';
  if (kind === 'system') return kind;
  throw new OrlopError('invalid-argument', 'DOCKER_KIND_BAD', `HostConfig.Kind must be app or system, and ${kind} is neither`);
}

/** Fields that may be undefined while a request is put together. */
type Draft = { readonly [Key in keyof CreateRequest]: CreateRequest[Key] | undefined };

function decodeProcess(config: JsonReader): Partial<Draft> {
  const command = config.words('Cmd');
  return {
    entrypoint: config.words('Entrypoint') ?? undefined,
    command: command === null || command.length === 0 ? undefined : command,
    env: nonEmptyList(config.texts('Env')),
    workingDirectory: nonEmpty(config.text('WorkingDir')),
    user: nonEmpty(config.text('User')),
  };
}

function decodeStreams(config: JsonReader, host: JsonReader): Partial<Draft> {
  return {
    terminal: config.flag('Tty'),
    openStdin: config.flag('OpenStdin'),
    stdinOnce: config.flag('StdinOnce'),
    attachStdin: config.flag('AttachStdin'),
    attachStdout: config.flag('AttachStdout'),
    attachStderr: config.flag('AttachStderr'),
    consoleSize: decodeConsoleSize(host),
  };
}

function decodeSecurity(host: JsonReader): Partial<Draft> {
  return {
    privileged: host.flag('Privileged'),
    capAdd: nonEmptyList(host.words('CapAdd')),
    capDrop: nonEmptyList(host.words('CapDrop')),
    groupAdd: nonEmptyList(host.texts('GroupAdd')),
    sysctls: nonEmptyMap(host.textMap('Sysctls')),
    oomScoreAdjust: decodeOomScore(host.integer('OomScoreAdj')),
    securityOptions: nonEmptyList(host.texts('SecurityOpt')),
    ...parseSecurityOptions(host.texts('SecurityOpt') ?? []),
  };
}

function decodeFiles(host: JsonReader): Partial<Draft> {
  const ulimits = host
    .objects('Ulimits')
    .map((entry) => ({ name: entry.text('Name'), soft: entry.integer('Soft'), hard: entry.integer('Hard') }));
  const shmSizeBytes = host.integer('ShmSize');
  if (shmSizeBytes < 0) throw new OrlopError('invalid-argument', 'DOCKER_BAD_SHM_SIZE', 'SHM size can not be less than 0');
  return {
    readOnlyRoot: host.flag('ReadonlyRootfs'),
    tmpfs: decodeTmpfs(host),
    storageOptions: nonEmptyMap(host.textMap('StorageOpt')),
    shmSizeBytes: shmSizeBytes === 0 ? undefined : shmSizeBytes,
    ulimits: ulimits.length === 0 ? undefined : ulimits,
  };
}

/** proc_pid_oom_score_adj(5); Docker's words. */
function decodeOomScore(value: number): number | undefined {
  if (value < -1000 || value > 1000)
    throw new OrlopError('invalid-argument', 'DOCKER_BAD_OOM_SCORE', `Invalid value ${value}, range for oom score adj is [-1000, 1000]`);
  return value === 0 ? undefined : value;
}

/** Which drivers and options there are is the engine's to say. */
function decodeLogging(config: JsonReader): CreateRequest['logging'] {
  const [driver, options] = [config.text('Type'), config.textMap('Config') ?? {}];
  return driver === '' && Object.keys(options).length === 0 ? undefined : { driver, options };
}

function decodeTmpfs(host: JsonReader): Record<string, string> | undefined {
  const places = nonEmptyMap(host.textMap('Tmpfs'));
  if (Object.keys(places ?? {}).some((place) => /^\/[/.]*$/.test(place)))
    throw new OrlopError('invalid-argument', 'DOCKER_BAD_TMPFS', "invalid specification: destination can't be '/'");
  const relative = Object.keys(places ?? {}).find((place) => !place.startsWith('/'));
  if (relative === undefined) return places;
  const words = `invalid mount path: '${relative}' mount path must be absolute`;
  throw new OrlopError('invalid-argument', 'DOCKER_BAD_TMPFS', words);
}

function decodeConsoleSize(host: JsonReader): readonly [number, number] | undefined {
  const size = host.raw('ConsoleSize') ?? null;
  if (size === null) return undefined;
  const [rows, columns] = Array.isArray(size) && size.length === 2 ? (size as unknown[]) : [];
  if (!isDimension(rows) || !isDimension(columns)) {
    throw new OrlopError('invalid-argument', 'DOCKER_BAD_CONSOLE_SIZE', 'HostConfig.ConsoleSize must be two numbers, rows and columns');
  }
  return rows === 0 || columns === 0 ? undefined : [rows, columns];
}

function isDimension(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65535;
}

function optionalInteger(reader: JsonReader, key: string): number | undefined {
  const value = reader.raw(key);
  return value === undefined || value === null ? undefined : reader.integer(key);
}

function nonEmpty(text: string): string | undefined {
  return text === '' ? undefined : text;
}

function nonEmptyList(list: string[] | null): string[] | undefined {
  return list === null || list.length === 0 ? undefined : list;
}

function nonEmptyMap(map: Record<string, string> | null): Record<string, string> | undefined {
  return map === null || Object.keys(map).length === 0 ? undefined : map;
}

function compact(draft: Draft): CreateRequest {
  return Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== undefined)) as unknown as CreateRequest;
}
