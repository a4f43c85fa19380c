import { bytes, flag, inner, integer, many, mapOf, type Message, message, nested, one, text } from '../protobuf/message.ts';

/** Messages of moby.buildkit.v1 (moby/buildkit, api/services/control/control.proto), as far as this engine reads or writes them. */

export const timestampType = message({ seconds: one(1, integer), nanos: one(2, integer) });

/** A time of the clock's, in ms. */
export function timestampOf(ms: number): Message<typeof timestampType> {
  return { seconds: Math.floor(ms / 1000), nanos: Math.floor(ms % 1000) * 1_000_000 };
}

const platformType = message({ architecture: one(1, text), os: one(2, text), variant: one(3, text) });
export const versionType = message({ package: one(1, text), version: one(2, text), revision: one(3, text) });
export const workerType = message({
  id: one(1, text),
  labels: mapOf(2, text),
  platforms: many(3, nested(platformType)),
  version: inner(5, versionType),
});

/** Of pb.Definition only whether there is one. */
export const definitionType = message({ def: many(1, bytes) });
const exporterType = message({ type: one(1, text), attributes: mapOf(2, text) });
const cacheEntryType = message({ type: one(1, text), attributes: mapOf(2, text) });
const cacheType = message({
  exportRef: one(1, text),
  importRefs: many(2, text),
  exports: many(4, nested(cacheEntryType)),
  imports: many(5, nested(cacheEntryType)),
});

export const solveRequestType = message({
  ref: one(1, text),
  definition: inner(2, definitionType),
  exporter: one(3, text),
  exporterAttributes: mapOf(4, text),
  session: one(5, text),
  frontend: one(6, text),
  attributes: mapOf(7, text),
  cache: inner(8, cacheType),
  entitlements: many(9, text),
  inputs: mapOf(10, nested(definitionType)),
  sourcePolicy: one(12, bytes),
  exporters: many(13, nested(exporterType)),
});
export type SolveRequest = Message<typeof solveRequestType>;
export const solveResponseType = message({ exporterResponse: mapOf(1, text) });

export const statusRequestType = message({ ref: one(1, text) });
const positionType = message({ line: one(1, integer), character: one(2, integer) });
const rangeType = message({ start: inner(1, positionType), end: inner(2, positionType) });
const sourceInfoType = message({ filename: one(1, text), data: one(2, bytes), language: one(4, text) });
const vertexType = message({
  digest: one(1, text),
  inputs: many(2, text),
  name: one(3, text),
  cached: one(4, flag),
  started: inner(5, timestampType),
  completed: inner(6, timestampType),
  error: one(7, text),
});
export type Vertex = Partial<Message<typeof vertexType>>;
const vertexStatusType = message({
  id: one(1, text),
  vertex: one(2, text),
  name: one(3, text),
  current: one(4, integer),
  total: one(5, integer),
  timestamp: inner(6, timestampType),
  started: inner(7, timestampType),
  completed: inner(8, timestampType),
});
const vertexLogType = message({ vertex: one(1, text), timestamp: inner(2, timestampType), stream: one(3, integer), data: one(4, bytes) });
const vertexWarningType = message({
  vertex: one(1, text),
  level: one(2, integer),
  short: one(3, bytes),
  detail: many(4, bytes),
  url: one(5, text),
  info: inner(6, sourceInfoType),
  ranges: many(7, nested(rangeType)),
});
export const statusType = message({
  vertexes: many(1, nested(vertexType)),
  statuses: many(2, nested(vertexStatusType)),
  logs: many(3, nested(vertexLogType)),
  warnings: many(4, nested(vertexWarningType)),
});
/** What has happened since the last one. */
export type Status = Partial<Message<typeof statusType>>;

export const listWorkersRequestType = message({ filter: many(1, text) });
export const listWorkersResponseType = message({ record: many(1, nested(workerType)) });
export const emptyType = message({});
export const infoResponseType = message({ version: inner(1, versionType) });

export const pruneRequestType = message({
  filter: many(1, text),
  all: one(2, flag),
  keepDurationNs: one(3, integer),
  reservedSpace: one(4, integer),
  maxUsedSpace: one(5, integer),
  minFreeSpace: one(6, integer),
});
export type PruneRequest = Message<typeof pruneRequestType>;
export const diskUsageRequestType = message({ filter: many(1, text), ageLimitNs: one(2, integer) });
export const usageRecordType = message({
  id: one(1, text),
  mutable: one(2, flag),
  inUse: one(3, flag),
  size: one(4, integer),
  createdAt: inner(6, timestampType),
  lastUsedAt: inner(7, timestampType),
  usageCount: one(8, integer),
  description: one(9, text),
  recordType: one(10, text),
  shared: one(11, flag),
});
export const diskUsageResponseType = message({ record: many(1, nested(usageRecordType)) });

export const historyRequestType = message({
  activeOnly: one(1, flag),
  ref: one(2, text),
  earlyExit: one(3, flag),
  filter: many(4, text),
  limit: one(5, integer),
});
const errorStatusType = message({ code: one(1, integer), message: one(2, text) });
const historyRecordType = message({
  ref: one(1, text),
  frontend: one(2, text),
  attributes: mapOf(3, text),
  error: inner(5, errorStatusType),
  createdAt: inner(6, timestampType),
  completedAt: inner(7, timestampType),
  exporterResponse: mapOf(9, text),
  cachedSteps: one(15, integer),
  totalSteps: one(16, integer),
  completedSteps: one(17, integer),
});
export const historyEventType = message({ type: one(1, integer), record: inner(2, historyRecordType) });
export const updateHistoryRequestType = message({ ref: one(1, text), pinned: one(2, flag), isDeleted: one(3, flag) });
