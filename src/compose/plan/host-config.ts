import { OrlopError } from '#errors';
import type { DockerDeviceRequest, DockerHostConfig, DockerMount } from '#wire';
import type { MountConfig } from '../model/mounts.ts';
import type { Project } from '../model/project.ts';
import type { ServiceConfig } from '../model/service.ts';
import { networksOf, type ContainerWish } from './wish.ts';

type Part = Partial<DockerHostConfig>;

/** Drops what was not given. */
function given(part: { readonly [K in keyof DockerHostConfig]?: DockerHostConfig[K] | undefined }): Part {
  return Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined));
}

const copy = <T>(list: readonly T[] | undefined): T[] | undefined => (list === undefined ? undefined : [...list]);

/** What a container of this service asks of the host. Pure. */
export function hostConfigOf(project: Project, name: string, wish: ContainerWish): Part {
  const service = project.services[name] ?? {};
  return {
    ...given({
      NetworkMode: networkModeOf(project, service, wish),
      RestartPolicy: wish.oneOff === true ? { Name: 'no', MaximumRetryCount: 0 } : restartPolicyOf(name, service),
      Mounts: [...mountsOf(project, service, wish), ...fileMounts(project, service)],
      VolumesFrom: service.volumes_from?.map((from) =>
        namespaceOf(from.startsWith('container:') ? from : `service:${from}`, wish).replace('container:', ''),
      ),
      LogConfig: service.logging === undefined ? undefined : { Type: service.logging.driver ?? '', Config: { ...service.logging.options } },
      Tmpfs:
        service.tmpfs === undefined
          ? undefined
          : Object.fromEntries(service.tmpfs.map((entry) => [entry.split(':')[0] ?? '', entry.split(':').slice(1).join(':')])),
      StorageOpt: service.storage_opt,
      ExtraHosts: Object.entries(service.extra_hosts ?? {}).flatMap(([host, addresses]) =>
        addresses.map((address) => `${host}:${address}`),
      ),
    }),
    ...isolationOf(service, wish),
    ...limitsOf(service),
  };
}

function isolationOf(service: ServiceConfig, wish: ContainerWish): Part {
  const namespace = (mode: string | undefined): string | undefined => (mode === undefined ? undefined : namespaceOf(mode, wish));
  return given({
    CapAdd: copy(service.cap_add),
    CapDrop: copy(service.cap_drop),
    CgroupnsMode: service.cgroup,
    CgroupParent: service.cgroup_parent,
    Dns: copy(service.dns),
    DnsOptions: copy(service.dns_opt),
    DnsSearch: copy(service.dns_search),
    GroupAdd: copy(service.group_add),
    IpcMode: namespace(service.ipc),
    PidMode: namespace(service.pid),
    UTSMode: namespace(service.uts),
    UsernsMode: service.userns_mode,
    Privileged: service.privileged,
    ReadonlyRootfs: service.read_only,
    SecurityOpt: copy(service.security_opt),
    Sysctls: service.sysctls,
    Annotations: service.annotations,
    Runtime: service.runtime,
    Init: service.init,
    DeviceCgroupRules: copy(service.device_cgroup_rules),
    Devices: service.devices?.map(({ source, target, permissions = 'rwm' }) => ({
      PathOnHost: source,
      PathInContainer: target,
      CgroupPermissions: permissions,
    })),
    DeviceRequests: requestsOf(service),
  });
}

function limitsOf(service: ServiceConfig): Part {
  const { deploy, blkio_config: blkio = {}, ulimits = {} } = service;
  const { limits = {}, reservations = {} } = deploy?.resources ?? {};
  const cpus = limits.cpus ?? service.cpus;
  const rates = (list: readonly Readonly<Record<string, unknown>>[] | undefined): { Path: string; Rate: number }[] | undefined =>
    list?.map(({ path, rate }) => ({ Path: String(path), Rate: Number(rate) }));
  return given({
    NanoCpus: cpus === undefined ? undefined : Math.round(cpus * 1e9),
    Memory: limits.memory ?? service.mem_limit,
    MemoryReservation: reservations.memory ?? service.mem_reservation,
    MemorySwap: service.memswap_limit,
    MemorySwappiness: service.mem_swappiness,
    PidsLimit: limits.pids ?? service.pids_limit,
    OomKillDisable: service.oom_kill_disable,
    OomScoreAdj: service.oom_score_adj,
    ShmSize: service.shm_size,
    CpuShares: service.cpu_shares,
    CpuPeriod: service.cpu_period,
    CpuQuota: service.cpu_quota,
    CpuRealtimePeriod: service.cpu_rt_period,
    CpuRealtimeRuntime: service.cpu_rt_runtime,
    CpusetCpus: service.cpuset,
    BlkioWeight: blkio.weight,
    BlkioWeightDevice: blkio.weight_device?.map(({ path, weight }) => ({ Path: String(path), Weight: Number(weight) })),
    BlkioDeviceReadBps: rates(blkio.device_read_bps),
    BlkioDeviceWriteBps: rates(blkio.device_write_bps),
    BlkioDeviceReadIOps: rates(blkio.device_read_iops),
    BlkioDeviceWriteIOps: rates(blkio.device_write_iops),
    Ulimits: Object.entries(ulimits).map(([name, limit]) =>
      typeof limit === 'number' ? { Name: name, Soft: limit, Hard: limit } : { Name: name, Soft: limit.soft, Hard: limit.hard },
    ),
  });
}

function requestsOf({ gpus = [], deploy }: ServiceConfig): DockerDeviceRequest[] | undefined {
  const requests = [
    ...gpus.map((gpu) => ({ ...gpu, capabilities: ['gpu', ...(gpu.capabilities ?? [])] })),
    ...(deploy?.resources?.reservations?.devices ?? []),
  ];
  if (requests.length === 0) return undefined;
  return requests.map(({ driver = '', count, device_ids, capabilities, options }) => ({
    Driver: driver,
    Count: count ?? 0,
    DeviceIDs: device_ids === undefined ? null : [...device_ids],
    Capabilities: [[...(capabilities ?? [])]],
    Options: options ?? null,
  }));
}

function networkModeOf(project: Project, service: ServiceConfig, wish: ContainerWish): string {
  if (service.network_mode !== undefined) return namespaceOf(service.network_mode, wish);
  const [first] = networksOf(service);
  return first === undefined ? 'none' : (project.networks[first]?.name ?? first);
}

/** `service:NAME` as the container of that service. */
function namespaceOf(mode: string, { containers }: ContainerWish): string {
  const [, name = '', rest = ''] = /^service:([^:]+)(:.*)?$/.exec(mode) ?? [];
  return name === '' ? mode : `container:${containers[name] ?? name}${rest}`;
}

const conditions: Readonly<Record<string, string>> = { none: 'no', any: 'always' };

/** What `deploy` says goes first (compose-spec deploy, restart_policy). failed-precondition for tries that are counted of a policy that never gives up. */
function restartPolicyOf(name: string, { restart, deploy }: ServiceConfig): DockerHostConfig['RestartPolicy'] | undefined {
  const policy = deploy?.restart_policy;
  if (policy === undefined) {
    if (restart === undefined) return undefined;
    const [word = '', count = '0'] = restart.split(':');
    return { Name: word, MaximumRetryCount: Number(count) };
  }
  const { condition = 'any', max_attempts: tries = 0, delay = 0, window = 0 } = policy;
  if (tries > 0 && condition !== 'on-failure')
    throw new OrlopError(
      'failed-precondition',
      'COMPOSE_UNSUPPORTED',
      `services.${name}.deploy.restart_policy.max_attempts goes with condition on-failure only, not ${condition}`,
      { hint: 'write condition: on-failure, or leave max_attempts out' },
    );
  return {
    Name: conditions[condition] ?? condition,
    MaximumRetryCount: tries,
    ...(delay === 0 ? {} : { Delay: delay }),
    ...(window === 0 ? {} : { Window: window }),
  };
}

function mountsOf(project: Project, service: ServiceConfig, { inherited = {} }: ContainerWish): DockerMount[] {
  const own = service.volumes ?? [];
  const others = Object.entries(inherited).filter(([target]) => !own.some((mount) => mount.target === target));
  return [
    ...own.map((mount) => mountOf(project, mount, inherited)),
    ...others.map(([Target, Source]) => ({ Type: 'volume', Source, Target })),
  ];
}

function mountOf(project: Project, mount: MountConfig, inherited: Readonly<Record<string, string>>): DockerMount {
  const { type, target = '', read_only: readOnly, bind, volume, tmpfs, image } = mount;
  if (type === 'npipe' || type === 'cluster')
    throw new OrlopError('unimplemented', 'COMPOSE_UNSUPPORTED', `mounts of type ${type} are not supported`);
  const source =
    type === 'volume' && mount.source !== undefined
      ? (project.volumes[mount.source]?.name ?? mount.source)
      : (mount.source ?? inherited[target]);
  return {
    Type: type,
    Target: target,
    ...(source === undefined ? {} : { Source: source }),
    ...(readOnly === true ? { ReadOnly: true } : {}),
    ...(type === 'bind' ? { BindOptions: bindOptionsOf(bind ?? {}) } : {}),
    ...(type !== 'volume' || volume === undefined
      ? {}
      : {
          VolumeOptions: {
            ...(volume.nocopy === true ? { NoCopy: true } : {}),
            ...(volume.subpath === undefined ? {} : { Subpath: volume.subpath }),
            ...(volume.labels === undefined ? {} : { Labels: { ...volume.labels } }),
          },
        }),
    ...(tmpfs === undefined
      ? {}
      : {
          TmpfsOptions: {
            ...(tmpfs.size === undefined ? {} : { SizeBytes: tmpfs.size }),
            ...(tmpfs.mode === undefined ? {} : { Mode: tmpfs.mode }),
          },
        }),
    ...(image?.subpath === undefined ? {} : { ImageOptions: { Subpath: image.subpath } }),
  };
}

function bindOptionsOf({
  propagation,
  create_host_path: create,
  recursive,
}: NonNullable<MountConfig['bind']>): NonNullable<DockerMount['BindOptions']> {
  return {
    ...(create === true ? { CreateMountpoint: true } : {}),
    ...(propagation === undefined ? {} : { Propagation: propagation }),
    ...(recursive === 'disabled' ? { NonRecursive: true } : {}),
    ...(recursive === 'writable' ? { ReadOnlyNonRecursive: true } : {}),
    ...(recursive === 'readonly' ? { ReadOnlyForceRecursive: true } : {}),
  };
}

/** Configs and secrets that are files here are mounted; the others are written into the container before it starts. */
function fileMounts(project: Project, service: ServiceConfig): DockerMount[] {
  return referencedFiles(project, service).flatMap(({ target, definition }) =>
    definition.file === undefined ? [] : [{ Type: 'bind', Source: definition.file, Target: target, ReadOnly: true }],
  );
}

interface ReferencedFile {
  readonly target: string;
  readonly definition: { readonly name?: string; readonly file?: string; readonly environment?: string; readonly content?: string };
  readonly uid?: number;
  readonly gid?: number;
  readonly mode?: number;
}

/** The files that a service's configs and secrets become. unimplemented for external ones: there is no swarm that keeps them. */
export function referencedFiles(project: Project, service: ServiceConfig): ReferencedFile[] {
  const of = (
    kind: 'secret' | 'config',
    references: ServiceConfig['secrets'],
    known: Project['secrets'] | Project['configs'],
    folder: string,
  ): ReferencedFile[] =>
    (references ?? []).map(({ source = '', target = source, uid, gid, mode }) => {
      const definition = known[source] ?? {};
      if (definition.external === true)
        throw new OrlopError('unimplemented', 'COMPOSE_UNSUPPORTED', `unsupported external ${kind} ${definition.name ?? source}`, {
          hint: `no swarm keeps it: give ${source} as file or environment`,
        });
      return {
        target: target.startsWith('/') ? target : `${folder}${target}`,
        definition,
        ...(uid === undefined ? {} : { uid: Number(uid) }),
        ...(gid === undefined ? {} : { gid: Number(gid) }),
        ...(mode === undefined ? {} : { mode }),
      };
    });
  return [...of('config', service.configs, project.configs, '/'), ...of('secret', service.secrets, project.secrets, '/run/secrets/')];
}
