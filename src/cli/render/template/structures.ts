/** What a pointer that points nowhere is in templates: false, printed as `<nil>`, and without fields. */
export const nil: unique symbol = Symbol('nil');

/**
 * Structures of Docker's API as Go has them (moby, api/types), fields in their order. A field's type is `text`, `number`, `flag`, another structure,
 * or one of these behind `[]` (a list), `map.` (a map) or `*` (a pointer, which may be nil). What is not told (`any`) is as JSON has it.
 */
const tables = {
  Container: `Id text, Created text, Path text, Args []text, State *State, Image text, ResolvConfPath text, HostnamePath text, HostsPath text, LogPath text,
    Name text, RestartCount number, Driver text, Platform text, MountLabel text, ProcessLabel text, AppArmorProfile text, ExecIDs []text,
    HostConfig *HostConfig, GraphDriver GraphDriver, SizeRw *number, SizeRootFs *number, Mounts []Mount, Config *Config, NetworkSettings *NetworkSettings,
    ImageManifestDescriptor *any`,
  State: `Status text, Running flag, Paused flag, Restarting flag, OOMKilled flag, Dead flag, Pid number, ExitCode number, Error text, StartedAt text,
    FinishedAt text, Health *Health`,
  Health: 'Status text, FailingStreak number, Log []HealthResult',
  HealthResult: 'Start text, End text, ExitCode number, Output text',
  HostConfig: `Binds []text, ContainerIDFile text, LogConfig LogConfig, NetworkMode text, PortBindings map.[]PortBinding, RestartPolicy RestartPolicy,
    AutoRemove flag, VolumeDriver text, VolumesFrom []text, ConsoleSize []number, Annotations map.text, CapAdd []text, CapDrop []text, CgroupnsMode text,
    Dns []text, DnsOptions []text, DnsSearch []text, ExtraHosts []text, GroupAdd []text, IpcMode text, Cgroup text, Links []text, OomScoreAdj number,
    PidMode text, Privileged flag, PublishAllPorts flag, ReadonlyRootfs flag, SecurityOpt []text, StorageOpt map.text, Tmpfs map.text, UTSMode text,
    UsernsMode text, ShmSize number, Sysctls map.text, Runtime text, Isolation text, CpuShares number, Memory number, NanoCpus number, CgroupParent text,
    BlkioWeight number, BlkioWeightDevice []WeightDevice, BlkioDeviceReadBps []ThrottleDevice, BlkioDeviceWriteBps []ThrottleDevice,
    BlkioDeviceReadIOps []ThrottleDevice, BlkioDeviceWriteIOps []ThrottleDevice, CpuPeriod number, CpuQuota number, CpuRealtimePeriod number,
    CpuRealtimeRuntime number, CpusetCpus text, CpusetMems text, Devices []Device, DeviceCgroupRules []text, DeviceRequests []any, KernelMemory number,
    KernelMemoryTCP number, MemoryReservation number, MemorySwap number, MemorySwappiness *number, OomKillDisable *flag, PidsLimit *number,
    Ulimits []Ulimit, CpuCount number, CpuPercent number, IOMaximumIOps number, IOMaximumBandwidth number, Mounts []any, MaskedPaths []text,
    ReadonlyPaths []text, Init *flag`,
  LogConfig: 'Type text, Config map.text',
  PortBinding: 'HostIp text, HostPort text',
  RestartPolicy: 'Name text, MaximumRetryCount number',
  WeightDevice: 'Path text, Weight number',
  ThrottleDevice: 'Path text, Rate number',
  Device: 'PathOnHost text, PathInContainer text, CgroupPermissions text',
  Ulimit: 'Name text, Hard number, Soft number',
  GraphDriver: 'Data map.text, Name text',
  Mount: 'Type text, Name text, Source text, Destination text, Driver text, Mode text, RW flag, Propagation text',
  Config: `Hostname text, Domainname text, User text, AttachStdin flag, AttachStdout flag, AttachStderr flag, ExposedPorts map.Nothing, Tty flag,
    OpenStdin flag, StdinOnce flag, Env []text, Cmd []text, Healthcheck *Healthcheck, ArgsEscaped flag, Image text, Volumes map.Nothing, WorkingDir text,
    Entrypoint []text, NetworkDisabled flag, MacAddress text, OnBuild []text, Labels map.text, StopSignal text, StopTimeout *number, Shell []text`,
  Healthcheck: 'Test []text, Interval number, Timeout number, StartPeriod number, StartInterval number, Retries number',
  Nothing: '',
  NetworkSettings: `Bridge text, SandboxID text, SandboxKey text, Ports map.[]PortBinding, HairpinMode flag, LinkLocalIPv6Address text,
    LinkLocalIPv6PrefixLen number, SecondaryIPAddresses []any, SecondaryIPv6Addresses []any, EndpointID text, Gateway text, GlobalIPv6Address text,
    GlobalIPv6PrefixLen number, IPAddress text, IPPrefixLen number, IPv6Gateway text, MacAddress text, Networks map.Endpoint`,
  Endpoint: `IPAMConfig *EndpointIPAM, Links []text, Aliases []text, MacAddress text, DriverOpts map.text, GwPriority number, NetworkID text,
    EndpointID text, Gateway text, IPAddress text, IPPrefixLen number, IPv6Gateway text, GlobalIPv6Address text, GlobalIPv6PrefixLen number,
    DNSNames []text`,
  EndpointIPAM: 'IPv4Address text, IPv6Address text, LinkLocalIPs []text',
  Image: `Id text, RepoTags []text, RepoDigests []text, Parent text, Comment text, Created text, DockerVersion text, Author text, Config *ImageConfig,
    Architecture text, Variant text, Os text, OsVersion text, Size number, VirtualSize number, GraphDriver GraphDriver, RootFS RootFS,
    Metadata Metadata, Descriptor *any, Manifests []any`,
  ImageConfig: `User text, ExposedPorts map.Nothing, Env []text, Entrypoint []text, Cmd []text, Volumes map.Nothing, WorkingDir text, Labels map.text,
    StopSignal text, ArgsEscaped flag, Healthcheck *Healthcheck, OnBuild []text, Shell []text`,
  RootFS: 'Type text, Layers []text',
  Metadata: 'LastTagTime text',
  Network: `Name text, Id text, Created text, Scope text, Driver text, EnableIPv4 flag, EnableIPv6 flag, IPAM IPAM, Internal flag, Attachable flag,
    Ingress flag, ConfigFrom ConfigReference, ConfigOnly flag, Containers map.NetworkContainer, Options map.text, Labels map.text, Peers []any,
    Services map.any`,
  IPAM: 'Driver text, Options map.text, Config []IPAMConfig',
  IPAMConfig: 'Subnet text, IPRange text, Gateway text, AuxiliaryAddresses map.text',
  ConfigReference: 'Network text',
  NetworkContainer: 'Name text, EndpointID text, MacAddress text, IPv4Address text, IPv6Address text',
  Volume: `ClusterVolume *any, CreatedAt text, Driver text, Labels map.text, Mountpoint text, Name text, Options map.text, Scope text, Status map.any,
    UsageData *UsageData`,
  UsageData: 'Size number, RefCount number',
} as const;

export type StructureName = keyof typeof tables;

/** On what Go's types are known of: whether it is a structure or a map. */
const typeMark = Symbol('type');

/** Whether an object is a structure or a map, or undefined where nothing is known of it. */
export function typeOf(value: object): 'structure' | 'map' | undefined {
  return (value as { readonly [typeMark]?: 'structure' | 'map' })[typeMark];
}

/** A value of the API with all fields that Go's templates find in it: those that JSON leaves out are empty, or nil. It is as it came in JSON again. */
export function asStructure(value: unknown, name: StructureName): unknown {
  const fields = Object.entries(isObject(value) ? value : {});
  const known = new Map(fieldsOf(name));
  const filled = [...known].map(([field, type]) => [field, asType(fields.find(([key]) => key === field)?.[1], type)] as const);
  return mark(Object.fromEntries([...filled, ...fields.filter(([field]) => !known.has(field))]), value, 'structure');
}

function fieldsOf(name: StructureName): (readonly [field: string, type: string])[] {
  return tables[name]
    .split(/,\s*/)
    .filter((entry) => entry !== '')
    .map((entry) => [entry.slice(0, entry.indexOf(' ')), entry.slice(entry.indexOf(' ') + 1)]);
}

const zeros: Readonly<Record<string, unknown>> = { text: '', number: 0, flag: false };

function asType(value: unknown, type: string): unknown {
  if (type.startsWith('*')) return value === undefined || value === null ? nil : asType(value, type.slice(1));
  if (type.startsWith('[]'))
    return mark(
      (Array.isArray(value) ? value : []).map((item) => asType(item, type.slice(2))),
      value,
    );
  if (type.startsWith('map.')) {
    const entries = Object.entries(isObject(value) ? value : {}).map(([key, item]) => [key, asType(item, type.slice(4))]);
    return mark(Object.fromEntries(entries), value, 'map');
  }
  if (Object.hasOwn(tables, type)) return asStructure(value, type as StructureName);
  return value ?? zeros[type];
}

/** Marks are not among the fields. */
function mark(made: object, original: unknown, type?: 'structure' | 'map'): object {
  Object.defineProperty(made, 'toJSON', { value: () => original ?? null });
  return Object.defineProperty(made, typeMark, { value: type });
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
