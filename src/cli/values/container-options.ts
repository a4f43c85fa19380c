import type { CreateRequest, Limits } from '#wire';
import { OrlopError } from '#errors';
import type { Arguments } from '../arguments/parse.ts';
import { usageError } from '../arguments/usage-error.ts';
import { readEnvironment, readText, type Environment } from './environment.ts';
import { readHealth } from './health.ts';
import { readNetworkOptions } from './networks.ts';
import { readMountOptions } from './mounts.ts';
import { parseHostEntries, parsePairs, parseTmpfs, parseUlimits } from './pairs.ts';
import { parseRestartPolicy } from './restart.ts';
import { parseBytes, parseCpus } from './size.ts';

/** What containers of both kinds can be asked for. */
export type ContainerOptions = Omit<CreateRequest, 'image' | 'kind' | 'name'>;

type Draft = { readonly [Key in keyof ContainerOptions]: ContainerOptions[Key] | undefined };

/** The shared flags as a request; only what was given is in it. Reads the files that flags name. */
export async function readContainerOptions(args: Arguments, environment: Environment): Promise<ContainerOptions> {
  const list = (name: string): readonly string[] | undefined => (args.has(name) ? args.list(name) : undefined);
  const shmSize = args.text('shm-size');
  const env = await readEnvironment(args.list('env-file'), args.list('env'), environment);
  return compact({
    env: env.length === 0 ? undefined : env,
    hostname: args.text('hostname'),
    domainname: args.text('domainname'),
    labels: args.has('label') ? parsePairs('label', args.list('label'), { bare: true }) : undefined,
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
    ...readHealth(args),
    restartPolicy: args.has('restart') ? parseRestartPolicy(args.text('restart') ?? '') : undefined,
    extraHosts: args.has('add-host') ? parseHostEntries(args.list('add-host')) : undefined,
    ...readNetworkOptions(args),
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
  });
  return Object.keys(limits).length === 0 ? undefined : limits;
}

function readUserNamespace(text: string | undefined): ContainerOptions['userNamespace'] {
  if (text === undefined || text === '') return undefined;
  if (text === 'host' || text === 'auto') return text;
  throw usageError(`invalid argument ${JSON.stringify(text)} for "--userns" flag: it must be auto or host`);
}

/** `seccomp=FILE` is read here: the engine opens no files for its clients. */
async function readSecurityOptions(options: readonly string[]): Promise<Partial<Draft>> {
  let read: Partial<Draft> = {};
  for (const option of options) {
    const parts = /^([^=:]+)(?:[=:](.*))?$/s.exec(option);
    const [, name = '', value = ''] = parts ?? [];
    if (name === 'no-new-privileges' && ['', 'true', 'false'].includes(value)) read = { ...read, noNewPrivileges: value !== 'false' };
    else if (name === 'seccomp' && value !== '') read = { ...read, seccompProfile: await readSeccomp(value) };
    else
      throw new OrlopError('unimplemented', 'CLI_USAGE', `--security-opt ${option} is not supported yet`, {
        hint: 'supported are no-new-privileges, seccomp=FILE and seccomp=unconfined',
      });
  }
  return read;
}

async function readSeccomp(value: string): Promise<string> {
  if (value === 'unconfined' || value === 'default') return value;
  if (value === 'builtin') return 'default';
  const text = await readText(value);
  try {
    return JSON.stringify(JSON.parse(text));
  } catch (cause) {
    throw new OrlopError('invalid-argument', 'CLI_BAD_SECCOMP', `the seccomp profile ${value} is not JSON`, { cause });
  }
}

function compact<Value extends object>(draft: { readonly [Key in keyof Value]: Value[Key] | undefined }): Value {
  return Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== undefined)) as Value;
}
