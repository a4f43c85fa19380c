import type { ContainerView, DeviceRate, DockerHostConfig, Limits, RestartPolicy } from '#wire';
import { mountConfigOf } from './mount-view.ts';
import { portBindingsOf } from './network-settings.ts';

/** What was asked for, in Docker's fields; what Orlop does not have yet shows its default. */
export function hostConfigOf({ request, networkMode, hidden, links }: ContainerView): DockerHostConfig {
  const limits = request.limits ?? {};
  return {
    ...mountConfigOf(request),
    ContainerIDFile: request.idFile ?? '',
    LogConfig: { Type: request.logging?.driver ?? 'json-file', Config: { ...request.logging?.options } },
    NetworkMode: networkMode,
    PortBindings: portBindingsOf(request.ports ?? []),
    RestartPolicy: restartPolicyOf(request.restartPolicy ?? { name: 'no' }),
    ...(request.settings === undefined ? {} : { Settings: request.settings }),
    ...(request.profiles === undefined || isDefault(request.profiles) ? {} : { Profiles: request.profiles }),
    ...(request.onUnhealthy === undefined ? {} : { OnUnhealthy: request.onUnhealthy }),
    AutoRemove: request.autoRemove ?? false,
    ConsoleSize: [request.consoleSize?.[0] ?? 0, request.consoleSize?.[1] ?? 0],
    CapAdd: listOf(request.capAdd),
    CapDrop: listOf(request.capDrop),
    CgroupnsMode: request.cgroupNamespace ?? 'private',
    Dns: [...(request.dns ?? [])],
    DnsOptions: [...(request.dnsOptions ?? [])],
    DnsSearch: [...(request.dnsSearch ?? [])],
    ExtraHosts: listOf(request.extraHosts),
    GroupAdd: listOf(request.groupAdd),
    IpcMode: request.ipcNamespace ?? 'private',
    Cgroup: '',
    Links: listOf(links),
    OomScoreAdj: request.oomScoreAdjust ?? 0,
    PidMode: request.pidNamespace ?? '',
    Privileged: request.privileged ?? false,
    PublishAllPorts: request.publishAll ?? false,
    ReadonlyRootfs: request.readOnlyRoot ?? false,
    SecurityOpt: securityOptionsOf(request),
    ...(request.tmpfs === undefined ? {} : { Tmpfs: { ...request.tmpfs } }),
    ...(request.storageOptions === undefined ? {} : { StorageOpt: { ...request.storageOptions } }),
    ...(request.sysctls === undefined ? {} : { Sysctls: { ...request.sysctls } }),
    ...(request.annotations === undefined ? {} : { Annotations: { ...request.annotations } }),
    UTSMode: request.utsNamespace ?? '',
    UsernsMode: request.userNamespace === 'host' ? 'host' : '',
    ShmSize: request.shmSizeBytes ?? 64 * 1024 * 1024,
    Runtime: request.runtimeName ?? 'orlop',
    Isolation: request.isolation ?? '',
    CpuShares: limits.cpuShares ?? 0,
    Memory: limits.memoryBytes ?? 0,
    NanoCpus: limits.nanoCpus ?? 0,
    CgroupParent: request.cgroupParent ?? '',
    ...blockIoOf(limits),
    CpuPeriod: limits.cpuPeriodUs ?? 0,
    CpuQuota: limits.cpuQuotaUs ?? 0,
    CpusetCpus: limits.cpusetCpus ?? '',
    CpusetMems: limits.cpusetMems ?? '',
    CpuRealtimePeriod: limits.realtimePeriodUs ?? 0,
    CpuRealtimeRuntime: limits.realtimeRuntimeUs ?? 0,
    ...devicesOf(request),
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
    MemoryReservation: limits.memoryReservationBytes ?? 0,
    MemorySwap: limits.memorySwapBytes ?? 0,
    MemorySwappiness: limits.swappiness ?? null,
    OomKillDisable: limits.noOutOfMemoryKill ?? null,
    // What lifts a limit is shown as none.
    PidsLimit: limits.pids === undefined ? null : Math.max(0, limits.pids),
    Ulimits: (request.ulimits ?? []).map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    ...(request.init === undefined ? {} : { Init: request.init }),
    MaskedPaths: hidden.maskedPaths === null ? null : [...hidden.maskedPaths],
    ReadonlyPaths: hidden.readonlyPaths === null ? null : [...hidden.readonlyPaths],
  };
}

type BlockIoField = 'BlkioWeight' | 'BlkioWeightDevice' | `BlkioDevice${'Read' | 'Write'}${'Bps' | 'IOps'}`;

function blockIoOf(limits: Limits): Pick<DockerHostConfig, BlockIoField> {
  const rates = (list: readonly DeviceRate[] = []): { Path: string; Rate: number }[] =>
    list.map(({ path, rate }) => ({ Path: path, Rate: rate }));
  return {
    BlkioWeight: limits.ioWeight ?? 0,
    BlkioWeightDevice: (limits.ioWeightDevices ?? []).map(({ path, weight }) => ({ Path: path, Weight: weight })),
    BlkioDeviceReadBps: rates(limits.readBytes),
    BlkioDeviceWriteBps: rates(limits.writeBytes),
    BlkioDeviceReadIOps: rates(limits.readOperations),
    BlkioDeviceWriteIOps: rates(limits.writeOperations),
  };
}

function devicesOf({
  devices = [],
  deviceRules,
  deviceRequests,
}: ContainerView['request']): Pick<DockerHostConfig, 'Devices' | 'DeviceCgroupRules' | 'DeviceRequests'> {
  return {
    Devices: devices.map(({ source, target, permissions }) => ({
      PathOnHost: source,
      PathInContainer: target,
      CgroupPermissions: permissions,
    })),
    DeviceCgroupRules: listOf(deviceRules),
    DeviceRequests:
      deviceRequests?.map(({ driver, count, ids, capabilities, options }) => ({
        Driver: driver,
        Count: count,
        DeviceIDs: listOf(ids),
        Capabilities: capabilities.length === 0 ? null : capabilities.map((set) => [...set]),
        Options: options === undefined ? null : { ...options },
      })) ?? null,
  };
}

function securityOptionsOf(request: ContainerView['request']): string[] | null {
  const { securityOptions: texts, privileged, pidNamespace, ipcNamespace } = request;
  // Docker says so of who shares that much with the host.
  const isShared = privileged === true || pidNamespace === 'host' || ipcNamespace === 'host';
  const unlabelled = isShared && !(texts ?? []).some((text) => /^label[=:]/.test(text)) ? ['label=disable'] : [];
  if (texts !== undefined) return [...texts, ...unlabelled];
  const options = [
    ...(request.noNewPrivileges === true ? ['no-new-privileges'] : []),
    ...(request.seccompProfile === undefined ? [] : [`seccomp=${request.seccompProfile}`]),
    ...unlabelled,
  ];
  return options.length === 0 ? null : options;
}

function listOf(items: readonly string[] | undefined): string[] | null {
  return items === undefined || items.length === 0 ? null : [...items];
}

/** As for a container that asked for none. */
function isDefault(profiles: readonly string[]): boolean {
  return profiles.length === 1 && profiles[0] === 'default';
}

function restartPolicyOf({ name, maximumRetries = 0, delayMs, windowMs }: RestartPolicy): DockerHostConfig['RestartPolicy'] {
  return {
    Name: name,
    MaximumRetryCount: maximumRetries,
    ...(delayMs === undefined ? {} : { Delay: delayMs * 1e6 }),
    ...(windowMs === undefined ? {} : { Window: windowMs * 1e6 }),
  };
}
