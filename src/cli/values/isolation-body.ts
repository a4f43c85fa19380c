import type { DeviceRate, DockerHostConfig, Limits } from '#wire';
import type { ContainerOptions } from './container-options.ts';

type Fields<Key extends keyof DockerHostConfig> = { readonly [Name in Key]: DockerHostConfig[Name] | undefined };

/** Namespaces, cgroup and devices in Docker's fields; undefined asks for nothing. */
export function isolationBodyOf(
  options: ContainerOptions,
): Fields<
  | 'PidMode'
  | 'IpcMode'
  | 'UTSMode'
  | 'CgroupnsMode'
  | 'CgroupParent'
  | 'Annotations'
  | 'Links'
  | 'Devices'
  | 'DeviceCgroupRules'
  | 'DeviceRequests'
> {
  return {
    PidMode: options.pidNamespace,
    IpcMode: options.ipcNamespace,
    UTSMode: options.utsNamespace,
    CgroupnsMode: options.cgroupNamespace,
    CgroupParent: options.cgroupParent,
    Annotations: options.annotations,
    Links: options.links === undefined ? undefined : [...options.links],
    Devices: options.devices?.map(({ source, target, permissions }) => ({
      PathOnHost: source,
      PathInContainer: target,
      CgroupPermissions: permissions,
    })),
    DeviceCgroupRules: options.deviceRules === undefined ? undefined : [...options.deviceRules],
    DeviceRequests: options.deviceRequests?.map((request) => ({
      Driver: request.driver,
      Count: request.count,
      DeviceIDs: request.ids.length === 0 ? null : [...request.ids],
      Capabilities: request.capabilities.length === 0 ? null : request.capabilities.map((set) => [...set]),
      Options: request.options === undefined ? null : { ...request.options },
    })),
  };
}

/** Limits that some kernels lack. */
export function scarceLimitsBodyOf(
  limits: Limits,
): Fields<
  | 'MemorySwappiness'
  | 'OomKillDisable'
  | 'CpuRealtimePeriod'
  | 'CpuRealtimeRuntime'
  | 'BlkioWeight'
  | 'BlkioWeightDevice'
  | `BlkioDevice${'Read' | 'Write'}${'Bps' | 'IOps'}`
> {
  const rates = (list: readonly DeviceRate[] | undefined) => list?.map(({ path, rate }) => ({ Path: path, Rate: rate }));
  return {
    MemorySwappiness: limits.swappiness,
    OomKillDisable: limits.noOutOfMemoryKill,
    CpuRealtimePeriod: limits.realtimePeriodUs,
    CpuRealtimeRuntime: limits.realtimeRuntimeUs,
    BlkioWeight: limits.ioWeight,
    BlkioWeightDevice: limits.ioWeightDevices?.map(({ path, weight }) => ({ Path: path, Weight: weight })),
    BlkioDeviceReadBps: rates(limits.readBytes),
    BlkioDeviceWriteBps: rates(limits.writeBytes),
    BlkioDeviceReadIOps: rates(limits.readOperations),
    BlkioDeviceWriteIOps: rates(limits.writeOperations),
  };
}
