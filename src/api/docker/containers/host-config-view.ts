import type { ContainerView, DockerHostConfig } from '#wire';
import { mountConfigOf } from './mount-view.ts';
import { portBindingsOf } from './network-settings.ts';

/** What was asked for, in Docker's fields; what Orlop does not have yet shows its default. */
export function hostConfigOf({ request, networkMode }: ContainerView): DockerHostConfig {
  const limits = request.limits ?? {};
  return {
    ...mountConfigOf(request),
    ContainerIDFile: '',
    LogConfig: { Type: 'json-file', Config: {} },
    NetworkMode: networkMode,
    PortBindings: portBindingsOf(request.ports ?? []),
    RestartPolicy: { Name: request.restartPolicy?.name ?? 'no', MaximumRetryCount: request.restartPolicy?.maximumRetries ?? 0 },
    ...(request.onUnhealthy === undefined ? {} : { OnUnhealthy: request.onUnhealthy }),
    AutoRemove: request.autoRemove ?? false,
    ConsoleSize: [request.consoleSize?.[0] ?? 0, request.consoleSize?.[1] ?? 0],
    CapAdd: listOf(request.capAdd),
    CapDrop: listOf(request.capDrop),
    CgroupnsMode: 'private',
    Dns: [...(request.dns ?? [])],
    DnsOptions: [...(request.dnsOptions ?? [])],
    DnsSearch: [...(request.dnsSearch ?? [])],
    ExtraHosts: listOf(request.extraHosts),
    GroupAdd: listOf(request.groupAdd),
    IpcMode: 'private',
    Cgroup: '',
    Links: null,
    OomScoreAdj: request.oomScoreAdjust ?? 0,
    PidMode: '',
    Privileged: request.privileged ?? false,
    PublishAllPorts: request.publishAll ?? false,
    ReadonlyRootfs: request.readOnlyRoot ?? false,
    SecurityOpt: securityOptionsOf(request),
    ...(request.tmpfs === undefined ? {} : { Tmpfs: { ...request.tmpfs } }),
    ...(request.storageOptions === undefined ? {} : { StorageOpt: { ...request.storageOptions } }),
    ...(request.sysctls === undefined ? {} : { Sysctls: { ...request.sysctls } }),
    UTSMode: '',
    UsernsMode: request.userNamespace === 'host' ? 'host' : '',
    ShmSize: request.shmSizeBytes ?? 64 * 1024 * 1024,
    Runtime: 'orlop',
    Isolation: '',
    CpuShares: limits.cpuShares ?? 0,
    Memory: limits.memoryBytes ?? 0,
    NanoCpus: limits.nanoCpus ?? 0,
    CgroupParent: '',
    BlkioWeight: 0,
    CpuPeriod: limits.cpuPeriodUs ?? 0,
    CpuQuota: limits.cpuQuotaUs ?? 0,
    CpusetCpus: limits.cpusetCpus ?? '',
    CpusetMems: limits.cpusetMems ?? '',
    Devices: null,
    DeviceCgroupRules: null,
    DeviceRequests: null,
    MemoryReservation: limits.memoryReservationBytes ?? 0,
    MemorySwap: limits.memorySwapBytes ?? 0,
    MemorySwappiness: null,
    OomKillDisable: null,
    PidsLimit: limits.pids ?? null,
    Ulimits: (request.ulimits ?? []).map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    ...(request.init === undefined ? {} : { Init: request.init }),
    MaskedPaths: null,
    ReadonlyPaths: null,
  };
}

function securityOptionsOf(request: ContainerView['request']): string[] | null {
  const options = [
    ...(request.noNewPrivileges === true ? ['no-new-privileges'] : []),
    ...(request.seccompProfile === undefined ? [] : [`seccomp=${request.seccompProfile}`]),
  ];
  return options.length === 0 ? null : options;
}

function listOf(items: readonly string[] | undefined): string[] | null {
  return items === undefined || items.length === 0 ? null : [...items];
}
