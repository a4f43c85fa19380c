import { toDockerHealthcheck, type DockerCreateBody, type DockerHostConfig, type Limits, type RestartPolicy } from '#wire';
import type { Arguments } from '../arguments/parse.ts';
import { usageError, wrongWords } from '../arguments/usage-error.ts';
import type { ContainerOptions } from './container-options.ts';
import { mountConfigOf } from './mounts.ts';
import { isolationBodyOf, scarceLimitsBodyOf } from './isolation-body.ts';
import { networkBodyOf, networkHostConfigOf } from './network-body.ts';
import { parseBytes } from './size.ts';

export interface CreatePlan {
  readonly body: DockerCreateBody;
  readonly name: string | undefined;
}

export interface Streams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** Which streams a foreground `run` joins: `-a` says it; else output, and input with `-i`. */
export function planStreams(args: Arguments, detach: boolean): Streams {
  const named = args.list('attach').map((text) => text.toLowerCase());
  const unknown = named.find((name) => !['stdin', 'stdout', 'stderr'].includes(name));
  if (unknown !== undefined)
    throw usageError(`invalid argument "${unknown}" for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR`);
  if (detach) {
    if (named.length > 0) throw wrongWords('conflicting options: cannot specify both --attach and --detach');
    return { stdin: false, stdout: false, stderr: false };
  }
  if (named.length > 0) return { stdin: named.includes('stdin'), stdout: named.includes('stdout'), stderr: named.includes('stderr') };
  return { stdin: args.flag('interactive'), stdout: true, stderr: true };
}

/** The body of a create request for `run` and `create`. */
export function planCreate(
  args: Arguments,
  options: ContainerOptions,
  streams: Streams,
  consoleSize?: readonly [number, number],
): CreatePlan {
  const [image = '', ...command] = args.positionals;
  checkPull(args.text('pull'));
  if (args.flag('rm') && (options.restartPolicy?.name ?? 'no') !== 'no')
    throw usageError('conflicting options: cannot specify both --restart and --rm');
  const entrypoint = args.text('entrypoint');
  const openStdin = args.flag('interactive') || streams.stdin;
  return {
    name: args.text('name'),
    body: {
      Image: image,
      ...(command.length === 0 ? {} : { Cmd: command }),
      ...(entrypoint === undefined ? {} : { Entrypoint: [entrypoint] }),
      Tty: args.flag('tty'),
      OpenStdin: openStdin,
      StdinOnce: openStdin && streams.stdin,
      AttachStdin: streams.stdin,
      AttachStdout: streams.stdout,
      AttachStderr: streams.stderr,
      ...definedOf({
        Env: listOf(options.env),
        User: args.text('user'),
        WorkingDir: args.text('workdir'),
        Hostname: options.hostname,
        Domainname: options.domainname,
        Labels: options.labels,
        Volumes: options.volumes === undefined ? undefined : Object.fromEntries(options.volumes.map((place) => [place, {}])),
        Healthcheck: options.healthCheck === undefined ? undefined : toDockerHealthcheck(options.healthCheck),
        StopSignal: options.stopSignal,
        StopTimeout: options.stopTimeoutS,
      }),
      ...networkBodyOf(options),
      HostConfig: hostConfigOf(args, options, consoleSize),
    },
  };
}

function hostConfigOf(
  args: Arguments,
  options: ContainerOptions,
  consoleSize: readonly [number, number] | undefined,
): Partial<DockerHostConfig> {
  return definedOf({
    AutoRemove: args.flag('rm') || undefined,
    LogConfig: options.logging === undefined ? undefined : { Type: options.logging.driver, Config: { ...options.logging.options } },
    OnUnhealthy: options.onUnhealthy,
    Settings: options.settings,
    Profiles: options.profiles,
    Init: args.has('init') ? args.flag('init') : undefined,
    GroupAdd: args.has('group-add') ? [...args.list('group-add')] : undefined,
    ConsoleSize: consoleSize === undefined ? undefined : ([...consoleSize] as [number, number]),
    ...networkHostConfigOf(options),
    Privileged: options.privileged,
    UsernsMode: options.userNamespace,
    ReadonlyRootfs: options.readOnlyRoot,
    CapAdd: listOf(options.capAdd),
    CapDrop: listOf(options.capDrop),
    Sysctls: options.sysctls,
    Ulimits: options.ulimits?.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    ShmSize: options.shmSizeBytes,
    Tmpfs: options.tmpfs,
    StorageOpt: options.storageOptions,
    ...mountConfigOf(options),
    OomScoreAdj: options.oomScoreAdjust,
    ExtraHosts: listOf(options.extraHosts),
    SecurityOpt: listOf(options.securityOptions),
    MaskedPaths: listOf(options.maskedPaths),
    ReadonlyPaths: listOf(options.readonlyPaths),
    ...isolationBodyOf(options),
    ContainerIDFile: args.text('cidfile') || undefined,
    Isolation: args.text('isolation'),
    Runtime: args.text('runtime'),
    KernelMemory: args.has('kernel-memory') ? parseBytes('kernel-memory', args.text('kernel-memory') ?? '') : undefined,
    ...limitsBodyOf(options.limits ?? {}),
    RestartPolicy: options.restartPolicy === undefined ? undefined : restartBodyOf(options.restartPolicy),
  });
}

export function limitsBodyOf(limits: Limits): Partial<DockerHostConfig> {
  return definedOf({
    Memory: limits.memoryBytes,
    MemorySwap: limits.memorySwapBytes,
    MemoryReservation: limits.memoryReservationBytes,
    NanoCpus: limits.nanoCpus,
    CpuShares: limits.cpuShares,
    CpuQuota: limits.cpuQuotaUs,
    CpuPeriod: limits.cpuPeriodUs,
    CpusetCpus: limits.cpusetCpus,
    CpusetMems: limits.cpusetMems,
    PidsLimit: limits.pids,
    ...scarceLimitsBodyOf(limits),
  });
}

export function restartBodyOf({ name, maximumRetries = 0 }: RestartPolicy): DockerHostConfig['RestartPolicy'] {
  return { Name: name, MaximumRetryCount: maximumRetries };
}

function checkPull(policy: string | undefined): void {
  if (policy === undefined || ['missing', 'always', 'never'].includes(policy)) return;
  throw usageError(`invalid argument ${JSON.stringify(policy)} for "--pull" flag: it must be missing, always or never`);
}

function listOf(items: readonly string[] | undefined): string[] | undefined {
  return items === undefined ? undefined : [...items];
}

function definedOf<Value extends object>(draft: { readonly [Key in keyof Value]: Value[Key] | undefined }): Value {
  return Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== undefined)) as Value;
}
