export type {
  BuildRow,
  Builds,
  BuildStepRow,
  BuildSteps,
  ContainerRow,
  Containers,
  EndpointRow,
  Endpoints,
  ImageRow,
  Images,
  Metadata,
  NetworkRow,
  Networks,
  Settings,
  SnapshotRow,
  SnapshotRows,
} from './metadata/types.ts';
export { openStore, type OpenStoreOptions } from './store.ts';
export { type CopyContent, createContentCopier } from './trees/copy-content.ts';
export { copyTree } from './trees/copy-tree.ts';
export { measureTree } from './trees/measure-tree.ts';
export { type Compression, decompress, detectCompression } from './compression.ts';
export { defaultLimits, type UnpackLimits } from './layers/limits.ts';
export { chainIdOf } from './layers/chain.ts';
export { describeInode, type PackOptions } from './layers/pack-inode.ts';
export { layerFromTrees } from './layers/layer-from-trees.ts';
export type { TreeSource } from './layers/tree-index.ts';
export type {
  AdoptOptions,
  ApplyLayerOptions,
  Change,
  ChangesOptions,
  Blob,
  ChainId,
  CheckOptions,
  CheckReport,
  ContentStore,
  DiskSize,
  DiskUsage,
  GarbageReport,
  IngestOptions,
  Layer,
  LayerSource,
  LayerStore,
  Lease,
  LeaseResource,
  Leases,
  Problem,
  ProblemKind,
  LinkedFiles,
  LinkFilesOptions,
  ReconcileReport,
  RootChange,
  Snapshot,
  SnapshotDriver,
  SnapshotKey,
  Snapshotter,
  Store,
} from './types.ts';
export { type ByteText, byteTextOf, fromByteText, showByteText, toByteText } from './tar/byte-text.ts';
export type { Extent, TarEntry, TarType } from './tar/header.ts';
export { readTarMembers, type TarMember } from './tar/entries.ts';
export { createTarReader, type TarHandlers, type TarReader } from './tar/reader.ts';
export { createTarEntry, endOfArchive, formatTarEntry, padding } from './tar/writer.ts';
