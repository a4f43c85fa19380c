export { type Descriptor, descriptorDecoder } from './descriptor.ts';
export {
  type Digest,
  type DigestAlgorithm,
  digestAlgorithm,
  digestHex,
  formatDigest,
  isDigest,
  parseDigest,
  shortDigest,
} from './digest.ts';
export {
  type ContainerConfig,
  formatImageConfig,
  type Healthcheck,
  type HistoryEntry,
  type ImageConfig,
  maxImageConfigBytes,
  parseImageConfig,
} from './image-config.ts';
export { formatJson, type ParseJsonOptions, parseJson } from './json/text.ts';
export {
  createManifest,
  formatIndex,
  formatManifest,
  type Index,
  type Manifest,
  maxManifestBytes,
  parseIndex,
  parseManifest,
  parseManifestOrIndex,
  selectManifest,
} from './manifest.ts';
export {
  isConfigType,
  isForeignLayerType,
  isIndexType,
  isManifestType,
  type LayerCompression,
  layerCompression,
  mediaTypes,
} from './media-types.ts';
export { formatPlatform, normalizePlatform, type Platform, parsePlatform, platformOfNodeArch, rankPlatform } from './platform.ts';
export {
  familiarName,
  familiarReference,
  formatReference,
  parseReference,
  type Reference,
  withDefaultTag,
} from './reference.ts';
export type { Features, LinuxFeatures } from './runtime-spec/features.ts';
export {
  type IntelRdt,
  type Linux,
  type LinuxDevice,
  type LinuxNamespace,
  type NamespaceType,
  namespaceTypes,
  type RootfsPropagation,
  rootfsPropagations,
  type TimeOffset,
} from './runtime-spec/linux.ts';
export { parseSeccomp } from './runtime-spec/parse-linux.ts';
export { parseResources } from './runtime-spec/parse-resources.ts';
export { maxSpecBytes, parseProcess, parseSpec, parseSpecText } from './runtime-spec/parse-spec.ts';
export type {
  LinuxBlockIO,
  LinuxCpu,
  LinuxDeviceCgroup,
  LinuxMemory,
  LinuxNetworkCgroup,
  LinuxResources,
  LinuxThrottleDevice,
  LinuxWeightDevice,
} from './runtime-spec/resources.ts';
export {
  type LinuxSeccomp,
  type LinuxSyscall,
  type SeccompAction,
  type SeccompArch,
  type SeccompArg,
  type SeccompFlag,
  type SeccompOperator,
  seccompActions,
  seccompArchitectures,
  seccompFlags,
  seccompOperators,
} from './runtime-spec/seccomp.ts';
export type {
  CpuAffinity,
  Hook,
  Hooks,
  IdMapping,
  IoPriority,
  LinuxCapabilities,
  Process,
  Rlimit,
  Root,
  Scheduler,
  Spec,
  SpecMount,
  User,
} from './runtime-spec/spec.ts';
export {
  type ContainerProcessState,
  type ContainerStatus,
  containerStatuses,
  parseState,
  type State,
} from './runtime-spec/state.ts';
export { type CdiDevice, type CdiDeviceNode, type CdiEdits, type CdiMount, type CdiSpec, isCdiDeviceName, parseCdiSpec } from './cdi.ts';
