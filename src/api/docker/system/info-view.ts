import { compareVersions } from '#api/http';
import { apiVersion, minimumApiVersion, type DockerInfo, type DockerVersion, type EngineInfo } from '#wire';

/** `GET /version`. Clients choose the API version by it; ours stands where Docker's would. */
export function versionOf(info: EngineInfo): DockerVersion {
  const details = {
    ApiVersion: apiVersion,
    Arch: goArchitecture(info.architecture),
    BuildId: info.buildId,
    BuildTime: '',
    Experimental: 'false',
    GitCommit: info.buildId,
    GoVersion: '',
    KernelVersion: info.kernel,
    MinAPIVersion: minimumApiVersion,
    Os: 'linux',
  };
  return {
    Platform: { Name: 'Orlop' },
    Components: [{ Name: 'Engine', Version: info.version, Details: details }],
    Version: info.version,
    ApiVersion: apiVersion,
    MinAPIVersion: minimumApiVersion,
    GitCommit: info.buildId,
    GoVersion: '',
    Os: 'linux',
    Arch: details.Arch,
    KernelVersion: info.kernel,
    BuildTime: '',
  };
}

/** `GET /info`. Docker's clients read many fields without checking; those that Orlop has no meaning for are empty in Docker's way. */
export function infoOf(info: EngineInfo, nowIso: string, version: string): DockerInfo {
  const { containers } = info;
  return {
    ID: info.id,
    Containers: containers.running + containers.paused + containers.stopped,
    ContainersRunning: containers.running,
    ContainersPaused: containers.paused,
    ContainersStopped: containers.stopped,
    Images: info.images,
    Driver: info.storageDriver,
    DriverStatus: [['Disk limits', info.diskLimits === 'project-quota' ? 'project quotas' : 'image files']],
    Plugins: {
      Volume: ['local'],
      Network: ['bridge', 'host', 'ipvlan', 'macvlan', 'null'],
      Authorization: null,
      Log: [...info.logDrivers],
    },
    MemoryLimit: true,
    SwapLimit: true,
    CpuCfsPeriod: true,
    CpuCfsQuota: true,
    CPUShares: true,
    CPUSet: true,
    PidsLimit: true,
    IPv4Forwarding: true,
    ...(compareVersions(version, '1.50') < 0 ? { BridgeNfIptables: false, BridgeNfIp6tables: false } : {}),
    Debug: false,
    NFd: info.openFiles,
    OomKillDisable: false,
    NGoroutines: info.pendingWork,
    SystemTime: nowIso,
    LoggingDriver: info.logDriver,
    CgroupDriver: info.cgroupDriver,
    CgroupVersion: info.cgroupVersion === '2' ? '2' : '1',
    NEventsListener: 0,
    KernelVersion: info.kernel,
    OperatingSystem: info.operatingSystem,
    OSVersion: '',
    OSType: 'linux',
    Architecture: info.architecture,
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: {
      ...(compareVersions(version, '1.49') < 0
        ? { AllowNondistributableArtifactsCIDRs: null, AllowNondistributableArtifactsHostnames: null }
        : {}),
      InsecureRegistryCIDRs: ['::1/128', '127.0.0.0/8'],
      IndexConfigs: { 'docker.io': { Name: 'docker.io', Mirrors: [], Secure: true, Official: true } },
      Mirrors: [],
    },
    ...(compareVersions(version, '1.49') < 0 ? {} : { FirewallBackend: { Driver: 'nftables' } }),
    NCPU: info.cpus,
    MemTotal: info.memoryBytes,
    GenericResources: null,
    DockerRootDir: info.dataRoot,
    HttpProxy: '',
    HttpsProxy: '',
    NoProxy: '',
    Name: info.hostname,
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: info.version,
    // One runtime by two names.
    Runtimes: { orlop: { path: 'bosun' }, runc: { path: 'bosun' } },
    DefaultRuntime: 'orlop',
    Swarm: { NodeID: '', NodeAddr: '', LocalNodeState: 'inactive', ControlAvailable: false, Error: '', RemoteManagers: null },
    LiveRestoreEnabled: true,
    Isolation: '',
    InitBinary: 'bosun',
    ContainerdCommit: { ID: '' },
    RuncCommit: { ID: '' },
    InitCommit: { ID: '' },
    SecurityOptions: ['name=seccomp,profile=builtin', 'name=userns', 'name=cgroupns'],
    CDISpecDirs: null,
    Warnings: info.warnings.length === 0 ? null : info.warnings.map((warning) => `WARNING: ${warning}`),
  };
}

function goArchitecture(architecture: string): string {
  return { x86_64: 'amd64', x64: 'amd64', aarch64: 'arm64' }[architecture] ?? architecture;
}
