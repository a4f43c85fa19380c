import type { CreateRequest, Limits } from '#wire';
import type { Arguments } from '../arguments/parse.ts';
import { usageError } from '../arguments/usage-error.ts';
import { readBlockIo } from './block-io.ts';
import { readDeviceOptions } from './devices.ts';
import { parseEnvironmentFile, readEnvironment, readText, type Environment } from './environment.ts';
import { readHealth } from './health.ts';
import { readIsolation } from './isolation.ts';
import { readNetworkOptions } from './networks.ts';
import { readMountOptions } from './mounts.ts';
import { parseHostEntries, parsePairs, parseTmpfs, parseUlimits } from './pairs.ts';
import { parseRestartPolicy } from './restart.ts';
import { readSettings } from './settings.ts';
import { readSecurityOptions } from './security.ts';
import { parseBytes, parseCpus } from './size.ts';

/** What containers of both kinds can be asked for. */
export type ContainerOptions = Omit<CreateRequest, 'image' | 'kind' | 'name'>;

/** The shared flags as a request; only what was given is in it. Reads the files that flags name. */
export async function readContainerOptions(args: Arguments, environment: Environment): Promise<ContainerOptions> {
  const list = (name: string): readonly string[] | undefined => (args.has(name) ? args.list(name) : undefined);
  const shmSize = args.text('shm-size');
  const env = await readEnvironment(args.list('env-file'), args.list('env'), environment);
  return compact({
    env: env.length === 0 ? undefined : env,
    hostname: args.text('hostname'),
    domainname: args.text('domainname'),
    labels: await readLabels(args),
    stopSignal: args.text('stop-signal'),
    stopTimeoutS: args.integer('stop-timeout'),
    privileged: args.has('privileged') ? args.flag('privileged') : undefined,
    userNamespace: readUserNamespace(args.text('userns')),
    readOnlyRoot: args.has('read-only') ? args.flag('read-only') : undefined,
    capAdd: list('cap-add'),
    capDrop: list('cap-drop'),
    sysctls: args.has('sysctl') ? parsePairs('sysctl', args.list('sysctl')) : undefined,
    ulimits: args.has('ulimit') ? parseUlimits(args.list('ulimit')) : undefined,
    shmSizeBytes: shmSize === undefined ? undefined : parseBytes('shm-size', shmSize),
    storageOptions: args.has('storage-opt') ? parsePairs('storage-opt', args.list('storage-opt')) : undefined,
    tmpfs: args.has('tmpfs') ? parseTmpfs(args.list('tmpfs')) : undefined,
    ...readMountOptions(args),
    oomScoreAdjust: args.integer('oom-score-adj'),
    limits: readLimits(args),
    logging: readLogging(args),
    ...readHealth(args),
    restartPolicy: args.has('restart') ? parseRestartPolicy(args.text('restart') ?? '') : undefined,
    extraHosts: args.has('add-host') ? parseHostEntries(args.list('add-host')) : undefined,
    ...readNetworkOptions(args),
    ...readIsolation(args),
    ...readDeviceOptions(args),
    settings: await readSettings(args),
    profiles: readProfiles(args),
    ...(await readSecurityOptions(args.list('security-opt'))),
  });
}

export function readLimits(args: Arguments): Limits | undefined {
  const bytes = (flag: string, unlimited = false): number | undefined => {
    const text = args.text(flag);
    return text === undefined ? undefined : parseBytes(flag, text, { unlimited });
  };
  const cpus = args.text('cpus');
  const limits = compact({
    memoryBytes: bytes('memory'),
    memorySwapBytes: bytes('memory-swap', true),
    memoryReservationBytes: bytes('memory-reservation'),
    nanoCpus: cpus === undefined ? undefined : parseCpus(cpus),
    cpuShares: args.integer('cpu-shares'),
    cpuQuotaUs: args.integer('cpu-quota'),
    cpuPeriodUs: args.integer('cpu-period'),
    cpusetCpus: args.text('cpuset-cpus'),
    cpusetMems: args.text('cpuset-mems'),
    pids: args.integer('pids-limit'),
    swappiness: readSwappiness(args),
    noOutOfMemoryKill: args.flag('oom-kill-disable') || undefined,
    realtimePeriodUs: args.integer('cpu-rt-period'),
    realtimeRuntimeUs: args.integer('cpu-rt-runtime'),
    ...readBlockIo(args),
  });
  return Object.keys(limits).length === 0 ? undefined : limits;
}

/** `--no-profiles`: none at all. */
function readProfiles(args: Arguments): readonly string[] | undefined {
  if (args.flag('no-profiles')) {
    if (args.has('profile')) throw usageError('conflicting options: cannot specify both --profile and --no-profiles');
    return [];
  }
  return args.has('profile') ? args.list('profile') : undefined;
}

/** -1 asks for nothing. */
function readSwappiness(args: Arguments): number | undefined {
  const value = args.integer('memory-swappiness');
  if (value === undefined || value === -1) return undefined;
  if (value < 0 || value > 100) throw usageError(`invalid value: ${value}. Valid memory swappiness range is 0-100`);
  return value;
}

/** Files first, so that `--label` wins. */
async function readLabels(args: Arguments): Promise<Record<string, string> | undefined> {
  if (!args.has('label') && !args.has('label-file')) return undefined;
  const lines: string[] = [];
  for (const file of args.list('label-file')) lines.push(...parseEnvironmentFile(await readText(file), file, 'label'));
  return parsePairs('label', [...lines, ...args.list('label')], { bare: true });
}

/** As Docker's command line does, `none` with options is refused here. */
function readLogging(args: Arguments): ContainerOptions['logging'] {
  const driver = args.text('log-driver') ?? '';
  const options = parsePairs('log-opt', args.list('log-opt'), { bare: true });
  if (driver === 'none' && Object.keys(options).length > 0) throw usageError('invalid logging opts for driver none');
  return driver === '' && Object.keys(options).length === 0 ? undefined : { driver, options };
}

function readUserNamespace(text: string | undefined): ContainerOptions['userNamespace'] {
  if (text === undefined || text === '') return undefined;
  if (text === 'host' || text === 'auto') return text;
  throw usageError('--userns: invalid USER mode: it must be auto or host');
}

function compact<Value extends object>(draft: { readonly [Key in keyof Value]: Value[Key] | undefined }): Value {
  return Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== undefined)) as Value;
}
