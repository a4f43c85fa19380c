export type { Addon, FileFacts, FileQueue, MountOption, PathText } from './addon.ts';
export { loadAddon } from './load-addon.ts';
export { toErrnoError, withErrno } from './errno.ts';
export * from './constants.ts';
export { formatSignal, parseSignal, signals } from './signals.ts';
export { syncDirectory, writeFileAtomic, type AtomicWriteOptions } from './atomic-file.ts';
export { filterThrough } from './filter-program.ts';
export { createGiveWay } from './give-way.ts';
export { removeTree } from './remove-tree.ts';
export { createDiskLimits } from './disk-limits/limits.ts';
export type { DiskLimits, DiskLimitWay, Making, OpenDisk } from './disk-limits/types.ts';
export {
  childrenOf,
  commandLine,
  isAlive,
  namespaceId,
  parseProcessCgroups,
  parseProcessStat,
  parseProcessStatus,
  readProcessCgroups,
  readProcessStat,
  readProcessStatus,
  type NamespaceKind,
  type ProcessStat,
} from './procfs.ts';
export { parseMountinfo, readMountinfo, type Mount } from './mountinfo.ts';
export { fromPlainError, toPlainError, type PlainError } from './plain-error.ts';
export { spawnAside, type AsideProcess } from './aside.ts';
export { abortFuseConnections } from './fuse-connections.ts';
export {
  listMountOptions,
  parseMountOptions,
  superblockOptions,
  withoutEffect,
  type AttributeChange,
  type MountOptions,
} from './mount-options.ts';
export { cgroupProcesses, childCgroups, makeCgroup, parseFlatKeyed, readCgroupFile, removeCgroup, writeCgroupFile } from './cgroupfs.ts';
export { type KeptAddress, type LinkSocket, type NetworkLink, openLinkSocket } from './links.ts';
export { lockFile, type LockFile } from './lock-file.ts';
export { openNamespace, openNamespaces, type Namespaces } from './namespaces.ts';
export { openInRoot, readFileInRoot, statInRoot } from './in-root.ts';
export {
  idmappedView,
  mountOverlayRoot,
  opaqueAttribute,
  planOverlayData,
  planOverlayOptions,
  type OverlayRoot,
  type OverlayWay,
} from './overlay.ts';
export { probeMappedOverlay, probeOverlayWay, type ProbeResult } from './overlay-probe.ts';
export {
  bootId,
  findCgroupMounts,
  countFromRoot,
  inInitialUsers,
  ownIds,
  isAtLeast,
  kernelRelease,
  knownFileSystems,
  parseKernelRelease,
  readCgroupMounts,
  userNamespacesEnabled,
  type CgroupMounts,
  type KernelRelease,
} from './kernel.ts';
export * from './plan/index.ts';
export * from './bosun/index.ts';
